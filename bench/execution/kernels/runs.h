// Layers that compute only with the weights that exist, along runs.
//
// A layer is a list of chunks. The rows (outputs) of a chunk read the same places, so that a number loaded once serves
// them all:   out[row][0..L) = clamp(bias[row] + sum_k value[k][row] * in[place[k] + 0..L) + more[row][0..L))
// That one sum is a linear layer (places: inputs, L: the batch), and a convolution of any kernel, stride and pattern
// (places: channels and taps, L: a run of pixels; layout.py and planes.h describe the layouts for it). Vectors run
// along L.

#pragma once

#include "lanes.h"

namespace seesaw {

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
  // Lists of places, or of so many segments, in the index; of a copy: every how many-th. Of a layer along runs: in how many floats
  // its places are counted (index), whether those of chunks of one row have 16 bits (count), and how many floats of a run all chunks compute before the next ones (places; 0: all).
  // Of a depthwise layer: its way over the images (index; depthwise.h). Of planes: channels (count), copies of each (places) of `out_row` floats, and in the index where each copy begins in its image,
  // its first vector with a number of the image and the end of the last, and the images' places by channel and copy.
  int64_t index, count, places;
};
constexpr int64_t kFields = sizeof(Step) / sizeof(int64_t);
enum Op { kAffine = 0, kSum = 1, kMax = 2, kZero = 3, kInput = 4, kOutput = 5, kCopy = 6, kPlanes = 7 };

// Computes chunks, from one to before another, along all runs of a step.
using Along = void (*)(const Layer&, const Chunk*, const Chunk*, const float*, float*, const float*, const int32_t*, const Step&);
constexpr int kMost = 16;              // most rows of a chunk
extern const Along kAlong[kMost + 1];  // by the number of rows
extern const Along kNarrow;            // of one row whose places are of 16 bits
extern const Along kEven;              // of one row, along lines that are even

// Whether the runs of a line are vectors that lie one after the other in the results and read each other vector.
inline bool even(const Step& step) {
  return step.inner > 1 && step.length == kLanes && step.in_inner == 2 * kLanes && step.out_inner == kLanes &&
         (step.more < 0 || step.more_inner == kLanes);
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

}  // namespace seesaw
