// Layers that are trained on the weights that exist: the gradients of a layer along runs.

#pragma once

#include <ATen/core/Tensor.h>
#include <torch/library.h>

#include "runs.h"

namespace {

// Gradients of a layer along runs, feature-major: its inputs stand at their places, the gradients of its results in rows
// of `length` floats, a multiple of kLanes, that are zero wherever there is no result.

template <int R, int V>
inline void back_tile(const Layer& layer, const Chunk& c, const float* gradient, float* out) {
  const int32_t* place = layer.index + c.place;
  const float* value = layer.values + c.value;
  const int32_t* row = layer.index + c.row;
  Vec g[R][V];
  SEESAW_UNROLL
  for (int r = 0; r < R; ++r)
    SEESAW_UNROLL
    for (int v = 0; v < V; ++v) g[r][v] = load(gradient + row[r] * layer.line + v * kLanes);
  for (int64_t k = 0; k < c.places; ++k, value += R) {
    float* to = out + place[k] * layer.stride;
    Vec sum[V];
    SEESAW_UNROLL
    for (int v = 0; v < V; ++v) sum[v] = load(to + v * kLanes);
    SEESAW_UNROLL
    for (int r = 0; r < R; ++r)
      SEESAW_UNROLL
      for (int v = 0; v < V; ++v) sum[v] += value[r] * g[r][v];
    SEESAW_UNROLL
    for (int v = 0; v < V; ++v) store(to + v * kLanes, sum[v]);
  }
}

// Adds a chunk's share of the gradient of the inputs, for V vectors of lanes.
template <int R>
void back(const Layer& layer, const Chunk& c, const float* gradient, float* out, int vectors) {
  constexpr int V = std::max(1, (R <= 2 ? 8 : R <= 4 ? 4 : 2) / kParts);
  int at = 0;
  for (; at + V <= vectors; at += V) back_tile<R, V>(layer, c, gradient + at * kLanes, out + at * kLanes);
  if constexpr (V > 2)
    for (; at + 2 <= vectors; at += 2) back_tile<R, 2>(layer, c, gradient + at * kLanes, out + at * kLanes);
  for (; at < vectors; ++at) back_tile<R, 1>(layer, c, gradient + at * kLanes, out + at * kLanes);
}

// Adds to the gradient of a chunk's values: products of inputs and gradients, summed over the run.
template <int R>
void grow(const Layer& layer, const Chunk& c, const float* in, const float* gradient, float* out) {
  const int32_t* place = layer.index + c.place;
  const int32_t* row = layer.index + c.row;
  constexpr int kSums = std::max(kRegisters / 2, R);  // at once, in registers: of K places with R rows
  constexpr int K = kSums / R;
  out += c.value;
  for (int64_t k = 0; k < c.places; k += K) {
    int some = std::min<int64_t>(K, c.places - k);
    Part sum[(kSums + kWidth - 1) / kWidth * kWidth] = {};
    const float* x[K];
    SEESAW_UNROLL
    for (int p = 0; p < K; ++p) x[p] = in + place[k + std::min(p, some - 1)] * layer.stride;
    for (int64_t b = 0; b < layer.length; b += kWidth) {
      Part g[R];
      SEESAW_UNROLL
      for (int r = 0; r < R; ++r) g[r] = load_part(gradient + row[r] * layer.line + b);
      SEESAW_UNROLL
      for (int p = 0; p < K; ++p) {
        Part at = load_part(x[p] + b);
        SEESAW_UNROLL
        for (int r = 0; r < R; ++r) sum[p * R + r] += at * g[r];
      }
    }
    for (int n = 0; n < some * R; n += kWidth) {
      Part totals = sums(sum + n);
      for (int l = 0; l < std::min(kWidth, some * R - n); ++l) out[k * R + n + l] += totals[l];
    }
  }
}

using Back = void (*)(const Layer&, const Chunk&, const float*, float*, int);
using Grow = void (*)(const Layer&, const Chunk&, const float*, const float*, float*);
constexpr Back kBack[] = {nullptr, back<1>, back<2>, back<3>, back<4>, back<5>, back<6>, back<7>, back<8>};
constexpr Grow kGrow[] = {nullptr, grow<1>, grow<2>, grow<3>, grow<4>, grow<5>, grow<6>, grow<7>, grow<8>};
constexpr int64_t kRows = 8;  // most rows of a chunk that is trained

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

}  // namespace
