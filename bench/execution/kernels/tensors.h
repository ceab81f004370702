// New tensors on the CPU. They come straight from the allocator: the dispatcher takes longer than a small layer, and its
// header longer to compile than any file here.

#pragma once

#include <ATen/EmptyTensor.h>
#include <ATen/core/Tensor.h>

namespace seesaw {

inline at::Tensor empty(at::IntArrayRef sizes, at::ScalarType type = at::kFloat,
                        at::MemoryFormat layout = at::MemoryFormat::Contiguous) {
  return at::Tensor(at::detail::empty_cpu(sizes, type, false, layout));
}

inline at::Tensor zeros(at::IntArrayRef sizes) { return empty(sizes).zero_(); }

}  // namespace seesaw
