// Layers that compute only with the weights that exist, along runs.
//
// A layer is a list of chunks. The rows (outputs) of a chunk read the same places, so that what is loaded once serves
// them all:   out[row][0..L) = clamp(bias[row] + sum_k value[k][row] * in[place[k] + 0..L) + more[row][0..L))
// That one sum is a linear layer (places: inputs, L: the batch), and a convolution of any kernel, stride and pattern
// (places: channels and taps, L: a run of pixels; program.py and conv.cpp tell of the layouts that make it so). Vectors
// run along L.

#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

#define SEESAW_UNROLL _Pragma("GCC unroll 16")

constexpr int kLanes = 16;
typedef float Vec __attribute__((vector_size(4 * kLanes), aligned(4)));

typedef int32_t Bits __attribute__((vector_size(4 * kLanes), aligned(4)));

inline Vec load(const float* from) { return *reinterpret_cast<const Vec*>(from); }
inline void store(float* to, Vec v) { *reinterpret_cast<Vec*>(to) = v; }
inline Vec all(float x) { return Vec{} + x; }
inline Vec clamp(Vec v, float low, float high) {
  Vec a = all(low), b = all(high);
  v = v < a ? a : v;
  return v > b ? b : v;
}

struct Chunk {
  int32_t places, rows, place, value, row;  // how many places and rows; where each begins in the blobs
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
  int64_t length = 0;  // and how many of them there are, a multiple of kLanes
};

// One instruction of a chain. encode.py writes them under the same names, in this order; places count floats.
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
      if (mask) y = reinterpret_cast<Vec>(reinterpret_cast<Bits>(y) & *reinterpret_cast<const Bits*>(mask + v * kLanes));
      float* to = out + row[r] * step.out_row + v * kLanes;
      if (lanes >= (v + 1) * kLanes)
        store(to, y);
      else
        std::memcpy(to, &y, 4 * (lanes - v * kLanes));
    }
}

// Along a run: V vectors at once, as many as registers hold beside R rows; then what is left.
template <int R>
void along(const Layer& layer, const Chunk& c, const float* in, float* out, const float* more, const int32_t* mask,
           const Step& step) {
  constexpr int V = R <= 2 ? 8 : R <= 3 ? 6 : R <= 4 ? 5 : R <= 6 ? 4 : R <= 8 ? 3 : R <= 12 ? 2 : 1;
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

// Calls some(begin, end) for shares of so many things that are this much work together, in as many threads as pay.
template <class Some>
void in_shares(int64_t count, int64_t work, Some some) {
  int64_t grain = std::max<int64_t>(1, count * kWorth / std::max<int64_t>(work, 1));
  if (count <= grain)
    some(0, count);
  else
    at::parallel_for(0, count, grain, some);
}

// Transposes a square of kLanes vectors: halves of ever smaller blocks change places.
inline void turn(Vec* rows) {
  SEESAW_UNROLL
  for (int half = kLanes / 2; half; half /= 2) {
    Bits low, high;
    SEESAW_UNROLL
    for (int l = 0; l < kLanes; ++l) {
      low[l] = l & half ? (l ^ half) + kLanes : l;
      high[l] = l & half ? l + kLanes : l | half;
    }
    SEESAW_UNROLL
    for (int n = 0; n < kLanes; ++n)
      if (!(n & half)) {
        Vec a = rows[n], b = rows[n | half];
        rows[n] = __builtin_shuffle(a, b, low);
        rows[n | half] = __builtin_shuffle(a, b, high);
      }
  }
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
        Vec rows[kLanes];
        SEESAW_UNROLL
        for (int n = 0; n < kLanes; ++n) rows[n] = load(x + (l + n) * count + e);
        turn(rows);
        SEESAW_UNROLL
        for (int n = 0; n < kLanes; ++n) store(room + line(list, e + n, lanes) + l, rows[n]);
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
        Vec rows[kLanes];
        SEESAW_UNROLL
        for (int n = 0; n < kLanes; ++n) rows[n] = load(room + line(list, e + n, lanes) + l);
        turn(rows);
        SEESAW_UNROLL
        for (int n = 0; n < kLanes; ++n) store(x + (l + n) * count + e, rows[n]);
      } else {
        for (int64_t n = e; n < std::min(e + kLanes, end); ++n)
          for (int64_t m = l; m < std::min(l + kLanes, samples); ++m)
            x[m * count + n] = room[line(list, n, lanes) + m];
      }
    }
}

}  // namespace
