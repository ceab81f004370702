// A chain of layers in whole numbers of eight bits, on a batch, block by block: what `IntProgram.run` in
// bench/execution/int8/quantise.py gives, bit for bit.

#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace seesaw {

struct WholeChain {
  at::Tensor steps;            // int64 (1 + steps, fields); first: samples of a block, room, the chunks' place in the
                               // index, numbers of a sample, levels of the largest sheet (among.h)
  at::Tensor index;            // int32
  at::Tensor values;           // int8
  at::Tensor biases, factors;  // int32, by slot; a bias is less what the offset of levels adds to its sum
  at::Tensor scales;           // float32, by slot: of logits
  std::vector<int64_t> counts; // numbers of a sample in each output

  // x: (N, ...), contiguous float32.
  std::vector<at::Tensor> run(const at::Tensor& x) const;
};

int64_t whole_rows();     // rows that the kernels compute together along runs
int64_t whole_offset();   // what the kernels add to levels
int64_t whole_window();   // levels that a look-up chooses from, and at multiples of how many it begins best
int64_t whole_aligned();
const char* whole_by();   // the processor's instructions that they use

}  // namespace seesaw
