// A chain of layers on a batch, block by block.
//
// x: (N, ...), contiguous float32. steps: (1 + steps, kFields) int64; the first row holds the samples of a block, the
// floats of room that it needs, and the place where the chunks begin in the index. index: int32. values: float32.
// counts: numbers of a sample in each output.

#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace seesaw {

std::vector<at::Tensor> chain(const at::Tensor& x, const at::Tensor& steps, const at::Tensor& index,
                              const at::Tensor& values, at::IntArrayRef counts);

}  // namespace seesaw
