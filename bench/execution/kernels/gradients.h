// Gradients of a layer along runs.

#pragma once

#include "runs.h"

namespace seesaw {

// Gradients of a layer along runs, feature-major: its inputs stand at their places, the gradients of its results in rows
// of `length` floats, a multiple of kLanes, that are zero wherever there is no result.

constexpr int64_t kRows = 8;  // most rows of a chunk that is trained

// Adds a chunk's share of the gradient of the inputs, for so many vectors of lanes.
using Back = void (*)(const Layer&, const Chunk&, const float* gradient, float* out, int vectors);
extern const Back kBack[kRows + 1];  // by the number of rows

// Adds to the gradient of a chunk's values: products of inputs and gradients, summed over the run.
using Grow = void (*)(const Layer&, const Chunk&, const float* in, const float* gradient, float* out);
extern const Grow kGrow[kRows + 1];

}  // namespace seesaw
