// A chain of layers on a batch, block by block.
//
// x: (N, ...), contiguous float32. steps: (1 + steps, kFields) int64; the first says how many samples a block has, how
// many floats of room it needs, and where the chunks begin in the index. index: int32. values: float32. counts: numbers
// a sample has in each answer.

#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace seesaw {

std::vector<at::Tensor> chain(const at::Tensor& x, const at::Tensor& steps, const at::Tensor& index,
                              const at::Tensor& values, at::IntArrayRef counts);

}  // namespace seesaw
