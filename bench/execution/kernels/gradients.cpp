// Gradients of a chunk along runs, for every number of rows: a file of its own, which needs nothing of PyTorch.

#include "gradients.h"

namespace seesaw {
namespace {

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

}  // namespace

const Back kBack[kRows + 1] = {nullptr, back<1>, back<2>, back<3>, back<4>, back<5>, back<6>, back<7>, back<8>};
const Grow kGrow[kRows + 1] = {nullptr, grow<1>, grow<2>, grow<3>, grow<4>, grow<5>, grow<6>, grow<7>, grow<8>};

}  // namespace seesaw
