// Layers that are trained on the weights that exist: their tensors, checked.

#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <vector>

#include "gradients.h"
#include "shares.h"
#include "tensors.h"

namespace seesaw {

// Whether some numbers lie in a blob.
inline bool within(int64_t first, int64_t count, int64_t size) { return 0 <= first && 0 <= count && first + count <= size; }

// A layer whose values are trained; its chunks and index as `Chunked` in row_chunks.py has them. They may come from a
// file, so every chunk is checked against the blobs that it names.
inline Layer trained(const at::Tensor& values, const at::Tensor& chunks, const at::Tensor& index, int64_t stride) {
  constexpr int64_t kNumbers = sizeof(Chunk) / sizeof(int32_t);
  TORCH_CHECK(values.is_contiguous() && values.scalar_type() == at::kFloat, "values: contiguous float32");
  TORCH_CHECK(chunks.is_contiguous() && chunks.scalar_type() == at::kInt && chunks.dim() == 2 &&
                  chunks.size(1) == kNumbers, "chunks: contiguous int32 (chunks, ", kNumbers, ")");
  TORCH_CHECK(index.is_contiguous() && index.scalar_type() == at::kInt, "index: contiguous int32");
  auto first = reinterpret_cast<const Chunk*>(chunks.data_ptr<int32_t>());
  for (const Chunk* c = first; c < first + chunks.size(0); ++c) {
    TORCH_CHECK(0 < c->rows && c->rows <= kRows, "chunks: of 1 to ", kRows, " rows each");
    TORCH_CHECK(within(c->place, c->places, index.numel()) && within(c->row, c->rows, index.numel()) &&
                    within(c->value, static_cast<int64_t>(c->places) * c->rows, values.numel()),
                "chunks: one lies outside of the index or of the values");
  }
  return {first, chunks.size(0), index.data_ptr<int32_t>(), values.data_ptr<float>(), nullptr, -INFINITY, INFINITY,
          stride, stride, stride};
}

// Columns and rows that are not there would be read and written past the end; a row of no chunk would stay unwritten.
inline void check(const Layer& layer, int64_t inputs, int64_t rows) {
  std::vector<bool> present(rows);
  int64_t count = 0;
  for (const Chunk* c = layer.chunks; c < layer.chunks + layer.count; ++c) {
    for (int64_t k = 0; k < c->places; ++k)
      TORCH_CHECK(within(layer.index[c->place + k], 1, inputs), "x: the layer reads others than ", inputs, " inputs");
    for (int64_t r = 0; r < c->rows; ++r, ++count) {
      int64_t row = layer.index[c->row + r];
      TORCH_CHECK(within(row, 1, rows) && !present[row], "bias: the layer has others than ", rows, " rows");
      present[row] = true;
    }
  }
  TORCH_CHECK(count == rows, "bias: the layer has others than ", rows, " rows");
}

inline int64_t whole(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

}  // namespace seesaw
