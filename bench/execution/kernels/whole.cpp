// Chains of whole numbers (whole.h).

#include "whole.h"


#include <array>
#include <utility>
#include <vector>

#include "levels.h"
#include "shares.h"
#include "tensors.h"

namespace seesaw {
namespace {

// Rows of a layer that read the same places; every list of places is filled up to whole fours.
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
  int64_t index, count, places;                  // lists of places in the index
  int64_t scale;  // bits of a float, of an input or a feature; of a sum, where its factors begin in the index
};
constexpr int64_t kWholeFields = sizeof(WholeStep) / sizeof(int64_t);
enum WholeOp { kWeighted = 0, kAdded = 1, kLargest = 2, kCleared = 3, kTaken = 4, kGiven = 5 };
enum WholeForm { kOfRuns = 0, kAcross = 1 };

struct Blobs {
  const int32_t* index;
  const int8_t* values;
  const int32_t *biases, *factors;
  const float* scales;
};

float float_of(int64_t bits) {
  int32_t narrow = static_cast<int32_t>(bits);
  float x;
  std::memcpy(&x, &narrow, 4);
  return x;
}

// The level of a number (`level` in levels.py).
inline int8_t level_of(float x, float inverse) {
  float steps = x * inverse;
  steps = steps > -127.f ? steps : -127.f;
  steps = steps < 127.f ? steps : 127.f;
  return static_cast<int8_t>(static_cast<int32_t>(steps + 127.5f) - 127);
}

// Where results go: levels, or the logits of an exit.
struct Target {
  int8_t* levels;
  float* logits;  // of the block's first sample; null for levels
  int64_t classes, samples;
};

template <int R>
void along_runs(const WholeStep& s, const WholeChunk& c, const Blobs& b, int8_t* room, const Target& to) {
  const int32_t *place = b.index + c.place, *row = b.index + c.row;
  const Rescale rescale{s.start, s.shift, s.low, s.span, s.more_factor};
  alignas(64) int8_t levels[kLanes];
  alignas(64) int32_t numbers[kLanes];
  for (int64_t outer = 0; outer < s.outer; ++outer)
    for (int64_t inner = 0; inner < s.inner; ++inner)
      for (int64_t at = 0; at < s.length; at += kLanes) {
        const int8_t* in = room + outer * s.in_outer + inner * s.in_inner + at;
        const int8_t* value = b.values + c.value;
        Sums sum[R];
        SEESAW_UNROLL
        for (int r = 0; r < R; ++r) sum[r] = all_sums(b.biases[c.slot + r]);
        for (int64_t k = 0; k < c.places; k += 4, value += 4 * R) {
          Quads x = with_offset(beside(in + place[k], in + place[k + 1], in + place[k + 2], in + place[k + 3]));
          SEESAW_UNROLL
          for (int r = 0; r < R; ++r) add_products(sum[r], x, all_quads(value + 4 * r));
        }
        int64_t lanes = std::min<int64_t>(kLanes, s.length - at);
        if (to.logits) {
          for (int r = 0; r < R; ++r) {
            store_sums(numbers, sum[r]);
            for (int64_t l = 0; l < std::min(lanes, to.samples - at); ++l)
              to.logits[(at + l) * to.classes + row[r]] = static_cast<float>(numbers[l]) * b.scales[c.slot + r];
          }
          continue;
        }
        int64_t out = s.out + outer * s.out_outer + inner * s.out_inner + at;
        int64_t more = s.more + outer * s.more_outer + inner * s.more_inner + at;
        SEESAW_UNROLL
        for (int r = 0; r < R; ++r) {
          int8_t* own = to.levels + out + row[r] * s.out_row;
          const int8_t* add = s.more < 0 ? nullptr : room + more + row[r] * s.more_row;
          store_levels(lanes == kLanes ? own : levels, sum[r], all_sums(b.factors[c.slot + r]), add, rescale);
          if (lanes < kLanes) std::memcpy(own, levels, lanes);
        }
      }
}

using AlongRuns = void (*)(const WholeStep&, const WholeChunk&, const Blobs&, int8_t*, const Target&);
template <int... R>
constexpr auto along_runs_of(std::integer_sequence<int, R...>) {
  return std::array<AlongRuns, sizeof...(R) + 1>{nullptr, along_runs<R + 1>...};
}
constexpr auto kAlongRuns = along_runs_of(std::make_integer_sequence<int, kBeside>());

// One number of every row, 16 rows side by side; `read` holds the chunk's inputs with their offset.
template <int V>
void across_rows(const WholeStep& s, const WholeChunk& c, const Blobs& b, const int8_t* read, int8_t* room,
                 const Target& to) {
  constexpr int kApart = 4 / V;  // sums that do not wait for one another
  const int8_t* value = b.values + c.value;
  Sums sum[kApart][V];
  SEESAW_UNROLL
  for (int v = 0; v < V; ++v) {
    sum[0][v] = load_sums(b.biases + c.slot + v * kLanes);
    SEESAW_UNROLL
    for (int u = 1; u < kApart; ++u) sum[u][v] = all_sums(0);
  }
  auto add = [&](int64_t k, int u) {
    Quads x = all_quads(read + k);
    SEESAW_UNROLL
    for (int v = 0; v < V; ++v) add_products(sum[u][v], x, load_quads(value + k * V * kLanes + v * 4 * kLanes));
  };
  int64_t k = 0;
  for (; k + 4 * kApart <= c.places; k += 4 * kApart)
    SEESAW_UNROLL
    for (int u = 0; u < kApart; ++u) add(k + 4 * u, u);
  for (; k < c.places; k += 4) add(k, 0);
  SEESAW_UNROLL
  for (int u = 1; u < kApart; ++u)
    SEESAW_UNROLL
    for (int v = 0; v < V; ++v) add_sums(sum[0][v], sum[u][v]);
  const int32_t* row = b.index + c.row;
  const Rescale rescale{s.start, s.shift, s.low, s.span, s.more_factor};
  for (int v = 0; v < V; ++v) {
    int64_t rows = std::min<int64_t>(kLanes, c.rows - v * kLanes), slot = c.slot + v * kLanes;
    if (to.logits) {
      alignas(64) int32_t numbers[kLanes];
      store_sums(numbers, sum[0][v]);
      for (int64_t r = 0; r < rows; ++r)
        to.logits[row[v * kLanes + r]] = static_cast<float>(numbers[r]) * b.scales[slot + r];
      continue;
    }
    alignas(64) int8_t levels[kLanes], more[kLanes] = {};
    if (s.more >= 0)
      for (int64_t r = 0; r < rows; ++r) more[r] = room[s.more + row[v * kLanes + r] * s.more_row];
    store_levels(levels, sum[0][v], load_sums(b.factors + slot), s.more < 0 ? nullptr : more, rescale);
    for (int64_t r = 0; r < rows; ++r) to.levels[s.out + row[v * kLanes + r] * s.out_row] = levels[r];
  }
}

void across(const WholeStep& s, const WholeChunk* begin, const WholeChunk* end, const Blobs& b, int8_t* room,
            const Target& to) {
  std::vector<int8_t> read;
  int32_t last = -1;
  for (const WholeChunk* c = begin; c < end; ++c) {
    if (c->place != last) {  // chunks of one group read the same
      read.resize(c->places);
      const int32_t* place = b.index + c->place;
      for (int64_t k = 0; k < c->places; ++k) read[k] = static_cast<int8_t>(room[place[k]] ^ (kOffset ? -128 : 0));
      last = c->place;
    }
    if (c->rows <= kLanes)
      across_rows<1>(s, *c, b, read.data(), room, to);
    else if (c->rows <= 2 * kLanes)
      across_rows<2>(s, *c, b, read.data(), room, to);
    else
      across_rows<4>(s, *c, b, read.data(), room, to);
  }
}

void weighted(const WholeStep& s, const WholeChunk* chunks, const Blobs& b, int8_t* room, const Target& to) {
  in_shares(s.chunks, s.work / 4, [&](int64_t begin, int64_t end) {
    const WholeChunk* first = chunks + s.chunk;
    if (s.form == kAcross)
      across(s, first + begin, first + end, b, room, to);
    else
      for (int64_t n = begin; n < end; ++n) kAlongRuns[first[n].rows](s, first[n], b, room, to);
  });
}

// Every element the largest of its places, or their sum with a factor for each; a place of -1 is left out.
void each(const WholeStep& s, const Blobs& b, int8_t* room) {
  const int32_t *to = b.index + s.index, *from = to + s.count, *factor = b.index + s.scale;
  for (int64_t e = 0; e < s.count; ++e, from += s.places)
    for (int64_t l = 0; l < s.length; ++l) {
      if (s.op == kLargest) {
        int64_t most = -128;
        for (int64_t k = 0; k < s.places; ++k)
          if (from[k] >= 0) most = std::max<int64_t>(most, room[from[k] + l]);
        room[to[e] + l] = static_cast<int8_t>(std::clamp<int64_t>(most == -128 ? 0 : most, s.low, s.low + s.span));
        continue;
      }
      int64_t sum = s.start;
      for (int64_t k = 0; k < s.places; ++k)
        if (from[k] >= 0) sum += int64_t(room[from[k] + l]) * 256 * factor[k];
      room[to[e] + l] = static_cast<int8_t>(s.low + std::min<int64_t>(std::max<int64_t>(sum, 0) >> s.shift, s.span));
    }
}

void taken_in(const WholeStep& s, const Blobs& b, const float* x, int64_t samples, int8_t* room, int8_t* levels) {
  const int32_t* list = b.index + s.index;
  float inverse = float_of(s.scale);
  for (int64_t n = 0; n < samples; ++n) {
    for (int64_t e = 0; e < s.count; ++e) levels[e] = level_of(x[n * s.count + e], inverse);
    for (int64_t e = 0; e < s.count; ++e) room[list[e] + n] = levels[e];
  }
}

void given(const WholeStep& s, const Blobs& b, const int8_t* room, int64_t samples, float* out) {
  const int32_t* list = b.index + s.index;
  for (int64_t n = 0; n < samples; ++n)
    for (int64_t e = 0; e < s.count; ++e) out[n * s.count + e] = room[list[e] + n] * float_of(s.scale);
}

void block(const WholeStep* steps, int64_t count, const WholeChunk* chunks, const Blobs& b, const float* x,
           int64_t samples, int8_t* room, int8_t* levels, const std::vector<float*>& outputs, at::IntArrayRef counts) {
  for (const WholeStep* s = steps; s < steps + count; ++s) {
    switch (s->op) {
      case kWeighted: {
        Target to{room, s->output < 0 ? nullptr : outputs[s->output], s->output < 0 ? 0 : counts[s->output], samples};
        weighted(*s, chunks, b, room, to);
        break;
      }
      case kAdded:
      case kLargest: each(*s, b, room); break;
      case kCleared:
        for (int64_t channel = 0; channel < s->outer; ++channel)
          for (int64_t e = 0; e < s->count; ++e) {
            const int32_t* segment = b.index + s->index + 2 * e;
            std::memset(room + s->out + channel * s->out_outer + segment[0], 0, segment[1]);
          }
        break;
      case kTaken: taken_in(*s, b, x, samples, room, levels); break;
      case kGiven: given(*s, b, room, samples, outputs[s->output]); break;
    }
  }
}

}  // namespace

int64_t whole_rows() { return kBeside; }
int64_t whole_offset() { return kOffset; }
const char* whole_by() { return kWhole; }

std::vector<at::Tensor> WholeChain::run(const at::Tensor& x) const {
  TORCH_CHECK(x.is_cpu() && x.is_contiguous() && x.scalar_type() == at::kFloat && x.dim() > 0,
              "x: contiguous float32 (N, ...) on the CPU");
  TORCH_CHECK(steps.is_contiguous() && steps.scalar_type() == at::kLong && steps.dim() == 2 && steps.size(0) > 0 &&
                  steps.size(1) == kWholeFields,
              "steps: contiguous int64 (1 + steps, ", kWholeFields, ")");
  TORCH_CHECK(index.is_contiguous() && index.scalar_type() == at::kInt, "index: contiguous int32");
  TORCH_CHECK(values.is_contiguous() && values.scalar_type() == at::kChar, "values: contiguous int8");
  const int64_t* head = steps.const_data_ptr<int64_t>();
  int64_t width = head[0], room = head[1], sample = head[3], batch = x.size(0), blocks = (batch + width - 1) / width;
  TORCH_CHECK(!batch || x.numel() == batch * sample, "x: samples of ", sample, " numbers");
  std::vector<at::Tensor> outputs;
  std::vector<float*> starts;
  for (int64_t count : counts) {
    outputs.push_back(empty({batch, count}));
    starts.push_back(outputs.back().data_ptr<float>());
  }
  const int32_t* list = index.const_data_ptr<int32_t>();
  Blobs blobs{list, values.const_data_ptr<int8_t>(), biases.const_data_ptr<int32_t>(), factors.const_data_ptr<int32_t>(),
              scales.const_data_ptr<float>()};
  auto some = [&](int64_t begin, int64_t end) {
    std::vector<int8_t> own(room + sample);
    for (int64_t n = begin; n < end; ++n) {
      std::vector<float*> to = starts;
      for (size_t a = 0; a < to.size(); ++a) to[a] += n * width * counts[a];
      block(reinterpret_cast<const WholeStep*>(head) + 1, steps.size(0) - 1,
            reinterpret_cast<const WholeChunk*>(list + head[2]), blobs, x.const_data_ptr<float>() + n * width * sample,
            std::min(width, batch - n * width), own.data(), own.data() + room, to, counts);
    }
  };
  if (blocks > 1)
    at::parallel_for(0, blocks, 1, some);
  else if (blocks == 1)
    some(0, 1);
  return outputs;
}

}  // namespace seesaw
