// Layers that compute only with the weights that exist, along runs.
//
// A layer is a list of chunks. The rows (outputs) of a chunk read the same places, so that a number loaded once serves
// them all:   out[row][0..L) = clamp(bias[row] + sum_k value[k][row] * in[place[k] + 0..L) + more[row][0..L))
// That one sum is a linear layer (places: inputs, L: the batch), and a convolution of any kernel, stride and pattern
// (places: channels and taps, L: a run of pixels; layout.py and planes.h describe the layouts for it). Vectors run
// along L.

#pragma once

#include <ATen/Parallel.h>

#include <cmath>
#include <vector>

#include "lanes.h"

namespace {

struct Chunk {
  int32_t places, rows, place, value, row;  // numbers of places and rows; beginnings of each in the blobs
};

struct Layer {
  const Chunk* chunks;
  int64_t count;
  const int32_t* index;  // places and row numbers of all chunks
  const float* values;   // [place][row] of each chunk
  const float* bias;     // by row number
  float low, high;
  int64_t stride = 1;  // floats from one place to the next
  int64_t line = 1;    // in training: floats from one row of gradients to the next,
  int64_t length = 0;  // and floats of a row, a multiple of kLanes
};

// One instruction of a chain. encode.py writes the fields in this order under the same names, `in` as `source`; places
// count floats.
struct Step {
  int64_t op, form;
  int64_t chunk, chunks, bias, low, high, work;     // a layer: its chunks, its bias, its bounds (bits of floats), MACs
  int64_t in, out, more, mask;                      // where each begins; more and mask may be -1
  int64_t outer, inner, length;                     // runs: lines, runs in a line, floats in a run
  int64_t in_outer, in_inner, out_outer, out_inner, more_outer, more_inner;  // from one to the next
  int64_t out_row, more_row;                        // from one row (channel) to the next
  int64_t index, count, places;                     // lists of places, or of so many segments, in the index
};
constexpr int64_t kFields = sizeof(Step) / sizeof(int64_t);
enum Op { kAffine = 0, kSum = 1, kMax = 2, kZero = 3, kInput = 4, kOutput = 5, kCopy = 6 };

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

// Along a run: as many vectors at once as registers hold; then the rest.
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
        if constexpr (W <= V) {
          while (step.length - at > (W - 1) * kLanes) {
            tile<R, W>(layer, c, from + at, to + at, add ? add + at : nullptr, mask ? mask + at : nullptr, step,
                       step.length - at);
            at += W * kLanes;
          }
        }
      };
      if constexpr (V > 4) go(std::integral_constant<int, V>());
      go(std::integral_constant<int, 4>());
      go(std::integral_constant<int, 3>());
      go(std::integral_constant<int, 2>());
      go(std::integral_constant<int, 1>());
    }
  }
}

using Along = void (*)(const Layer&, const Chunk&, const float*, float*, const float*, const int32_t*, const Step&);
constexpr Along kAlong[] = {nullptr,   along<1>,  along<2>,  along<3>,  along<4>,  along<5>,
                            along<6>,  along<7>,  along<8>,  along<9>,  along<10>, along<11>,
                            along<12>, along<13>, along<14>, along<15>, along<16>};

constexpr int64_t kWorth = 1 << 18;  // MACs for which a second thread pays

// Calls some(begin, end) for shares of `count` things, which are `work` MACs together, in as many threads as pay.
template <class Some>
void in_shares(int64_t count, int64_t work, Some some) {
  int64_t grain = std::max<int64_t>(1, count * kWorth / std::max<int64_t>(work, 1));
  if (count <= grain)
    some(0, count);
  else
    at::parallel_for(0, count, grain, some);
}

// Rows of samples (samples, count) to lines of lanes, one for every number, and back. A number's line begins at its
// place in `list`, or follows the one before where there is no list. Lanes past the last sample are zero. Only numbers
// from `begin` to before `end` are moved.

inline int64_t line(const int32_t* list, int64_t number, int64_t lanes) { return list ? list[number] : number * lanes; }

inline void spread(const float* x, int64_t samples, int64_t count, int64_t lanes, const int32_t* list, float* room,
            int64_t begin, int64_t end) {
  for (int64_t l = 0; l < lanes; l += kLanes)
    for (int64_t e = begin; e < end; e += kLanes) {
      if (l + kLanes <= samples && e + kLanes <= end) {
        transpose([&](int n) { return x + (l + n) * count + e; },
                  [&](int n) { return room + line(list, e + n, lanes) + l; });
      } else {
        for (int64_t n = e; n < std::min(e + kLanes, end); ++n)
          for (int64_t m = l; m < std::min(l + kLanes, lanes); ++m)
            room[line(list, n, lanes) + m] = m < samples ? x[m * count + n] : 0.f;
      }
    }
}

inline void collect(const float* room, const int32_t* list, int64_t lanes, int64_t samples, int64_t count, float* x,
             int64_t begin, int64_t end) {
  for (int64_t l = 0; l < samples; l += kLanes)
    for (int64_t e = begin; e < end; e += kLanes) {
      if (l + kLanes <= samples && e + kLanes <= end) {
        transpose([&](int n) { return room + line(list, e + n, lanes) + l; },
                  [&](int n) { return x + (l + n) * count + e; });
      } else {
        for (int64_t n = e; n < std::min(e + kLanes, end); ++n)
          for (int64_t m = l; m < std::min(l + kLanes, samples); ++m)
            x[m * count + n] = room[line(list, n, lanes) + m];
      }
    }
}

}  // namespace
