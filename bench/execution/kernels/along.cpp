// Chunks along runs, for every number of rows: a file of its own, which needs nothing of PyTorch and is compiled once.

#include <type_traits>

#include "runs.h"

namespace seesaw {
namespace {

template <int R, int V>
inline void tile(const Layer& layer, const Chunk& c, const float* in, float* out, const float* more,
                 const int32_t* mask, const Step& step, int64_t lanes) {
  const int32_t* place = layer.index + c.place;
  const float* value = layer.values + c.value;
  const int32_t* row = layer.index + c.row;
  Vec sum[R][V];
  SEESAW_UNROLL
  for (int r = 0; r < R; ++r)
    SEESAW_UNROLL
    for (int v = 0; v < V; ++v) sum[r][v] = all(layer.bias[row[r]]);
  for (int64_t k = 0; k < c.places; ++k, value += R) {
    const float* at = in + place[k] * layer.stride;
    Vec x[V];
    SEESAW_UNROLL
    for (int v = 0; v < V; ++v) x[v] = load(at + v * kLanes);
    SEESAW_UNROLL
    for (int r = 0; r < R; ++r)
      SEESAW_UNROLL
      for (int v = 0; v < V; ++v) sum[r][v] += value[r] * x[v];
  }
  SEESAW_UNROLL
  for (int r = 0; r < R; ++r)
    SEESAW_UNROLL
    for (int v = 0; v < V; ++v) {
      if (more) sum[r][v] += load(more + row[r] * step.more_row + v * kLanes);
      Vec y = clamp(sum[r][v], layer.low, layer.high);
      if (mask) y = masked(y, mask + v * kLanes);
      float* to = out + row[r] * step.out_row + v * kLanes;
      if (lanes >= (v + 1) * kLanes)
        store(to, y);
      else
        std::memcpy(to, &y, 4 * (lanes - v * kLanes));
    }
}

// How many vectors of a run R rows compute at once: their sums stay in registers. With few registers an input is read
// from memory as it is multiplied, with many it stays in one too.
constexpr int vectors(int rows) {
  int held = rows * kParts + (kRegisters > 16 ? kParts : 0);
  return std::clamp((kRegisters - 4) / held, 1, 8);
}

// Along a run: as many vectors at once as registers hold; then the rest by four, two and one.
template <int R>
void along(const Layer& layer, const Chunk& c, const float* in, float* out, const float* more, const int32_t* mask,
           const Step& step) {
  constexpr int V = vectors(R);
  for (int64_t line = 0; line < step.outer; ++line) {
    for (int64_t run = 0; run < step.inner; ++run) {
      const float* from = in + line * step.in_outer + run * step.in_inner;
      float* to = out + line * step.out_outer + run * step.out_inner;
      const float* add = more ? more + line * step.more_outer + run * step.more_inner : nullptr;
      int64_t at = 0;
      auto go = [&](auto size) {
        constexpr int W = decltype(size)::value;
        while (step.length - at > (W - 1) * kLanes) {
          tile<R, W>(layer, c, from + at, to + at, add ? add + at : nullptr, mask ? mask + at : nullptr, step,
                     step.length - at);
          at += W * kLanes;
        }
      };
      go(std::integral_constant<int, V>());
      if constexpr (V > 4) go(std::integral_constant<int, 4>());
      if constexpr (V > 2) go(std::integral_constant<int, 2>());
      if constexpr (V > 1) go(std::integral_constant<int, 1>());
    }
  }
}

}  // namespace

const Along kAlong[kMost + 1] = {nullptr,   along<1>,  along<2>,  along<3>,  along<4>,  along<5>,
                                 along<6>,  along<7>,  along<8>,  along<9>,  along<10>, along<11>,
                                 along<12>, along<13>, along<14>, along<15>, along<16>};

}  // namespace seesaw
