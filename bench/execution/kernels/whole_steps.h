// The steps of a chain of whole numbers, as encode.py of bench/execution/int8 writes them.

#pragma once

#include <cstdint>

namespace seesaw {

// Rows of a layer that read the same places, every list of which is filled up to whole fours; of the form `among`, 16 rows whose
// `places` are steps.
struct WholeChunk {
  int32_t places, rows, place, value, row, slot;  // slot: where its biases, factors and scales begin
};

// One instruction. encode.py of bench/execution/int8 writes the fields in this order, `in` as `source`; places count
// levels.
struct WholeStep {
  int64_t op, form;
  int64_t chunk, chunks, work;
  int64_t start, shift, low, span, more_factor;  // how sums become levels
  int64_t output;                                // the number of the exit whose logits it gives; -1 for levels
  int64_t out, more;                             // where each begins; more may be -1
  int64_t outer, inner, length;                  // runs: lines, runs in a line, levels in a run
  int64_t in_outer, in_inner, out_outer, out_inner, more_outer, more_inner;  // from one to the next
  int64_t out_row, more_row;                     // from one row (channel) to the next
  int64_t index, count, places;  // lists of places in the index; of the form `among`: where its channels begin, how many
                                 // they are, and the pixels of its sheet
  int64_t scale;                 // bits of a float, of an input or a feature; of a sum, where its factors begin in the index; of the
                                 // form `among`, where the index lists how far each position of a line lies in the sheet
};
constexpr int64_t kWholeFields = sizeof(WholeStep) / sizeof(int64_t);
enum WholeOp { kWeighted = 0, kAdded = 1, kLargest = 2, kCleared = 3, kTaken = 4, kGiven = 5 };
enum WholeForm { kOfRuns = 0, kAcross = 1, kAmong = 2 };

struct Blobs {
  const int32_t* index;
  const int8_t* values;
  const int32_t *biases, *factors;
  const float* scales;
};

// Where results go: levels, or the logits of an exit.
struct Target {
  int8_t* levels;
  float* logits;  // of the block's first sample; null for levels
  int64_t classes, samples;
};

}  // namespace seesaw
