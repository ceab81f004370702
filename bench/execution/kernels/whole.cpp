// Chains of whole numbers (whole.h).

#include "whole.h"

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "among.h"
#include "whole_steps.h"
#include "shares.h"
#include "tensors.h"

namespace seesaw {
namespace {

float float_of(int64_t bits) {
  int32_t narrow = static_cast<int32_t>(bits);
  float x;
  std::memcpy(&x, &narrow, 4);
  return x;
}

// The levels of numbers (`level` in levels.py): what is no number is the lower bound.
void levels_of(const float* x, int64_t count, float inverse, int8_t* to) {
  auto some = [&](const float* from, int8_t* own) {
    SEESAW_UNROLL
    for (int p = 0; p < kParts; ++p) {
      const Part least = Part{} - 127.f, most = Part{} + 127.f;
      Part steps = load_part(from + p * kWidth) * inverse;
      steps = steps > least ? steps : least;
      steps = steps < most ? steps : most;
      Bits whole = __builtin_convertvector(steps + 127.5f, Bits) - 127;
      SEESAW_UNROLL
      for (int l = 0; l < kWidth; ++l) own[p * kWidth + l] = static_cast<int8_t>(whole[l]);
    }
  };
  int64_t e = 0;
  for (; e + kLanes <= count; e += kLanes) some(x + e, to + e);
  if (e == count) return;
  float last[kLanes] = {};
  int8_t levels[kLanes];
  std::copy(x + e, x + count, last);
  some(last, levels);
  std::copy_n(levels, count - e, to + e);
}

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

void weighted(const WholeStep& s, const WholeChunk* chunks, const Blobs& b, int64_t width, int8_t* room, int8_t* sheet,
              const Target& to) {
  if (s.form == kAmong) lay_out(s, b, room, width, sheet);
  in_shares(s.chunks, s.work / 4, [&](int64_t begin, int64_t end) {
    const WholeChunk* first = chunks + s.chunk;
    if (s.form == kAcross)
      across(s, first + begin, first + end, b, room, to);
    else if (s.form == kAmong)
      for (int64_t n = begin; n < end; ++n) among_rows(s, first[n], b, sheet, room, to);
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

// The levels of 16 samples, or of those that are left, sample by sample in `levels`; then each at its place.
void taken_in(const WholeStep& s, const Blobs& b, const float* x, int64_t samples, int8_t* room, int8_t* levels) {
  const int32_t* list = b.index + s.index;
  float inverse = float_of(s.scale);
  alignas(64) int8_t turned[kLanes][kLanes];
  for (int64_t at = 0; at < samples; at += kLanes) {
    const int64_t some = std::min<int64_t>(kLanes, samples - at);
    levels_of(x + at * s.count, some * s.count, inverse, levels);
    int64_t e = 0;
    if (some == kLanes)
      for (; e + kLanes <= s.count; e += kLanes) {
        const int8_t* rows[kLanes];
        for (int n = 0; n < kLanes; ++n) rows[n] = levels + n * s.count + e;
        turn_levels(rows, turned);
        for (int n = 0; n < kLanes; ++n) std::memcpy(room + list[e + n] + at, turned[n], kLanes);
      }
    for (; e < s.count; ++e)
      for (int64_t n = 0; n < some; ++n) room[list[e] + at + n] = levels[n * s.count + e];
  }
}

void given(const WholeStep& s, const Blobs& b, const int8_t* room, int64_t samples, float* out) {
  const int32_t* list = b.index + s.index;
  for (int64_t n = 0; n < samples; ++n)
    for (int64_t e = 0; e < s.count; ++e) out[n * s.count + e] = room[list[e] + n] * float_of(s.scale);
}

void block(const WholeStep* steps, int64_t count, const WholeChunk* chunks, const Blobs& b, const float* x,
           int64_t samples, int64_t width, int8_t* room, int8_t* levels, int8_t* sheet, const std::vector<float*>& outputs,
           at::IntArrayRef counts) {
  for (const WholeStep* s = steps; s < steps + count; ++s) {
    switch (s->op) {
      case kWeighted: {
        Target to{room, s->output < 0 ? nullptr : outputs[s->output], s->output < 0 ? 0 : counts[s->output], samples};
        weighted(*s, chunks, b, width, room, sheet, to);
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
int64_t whole_window() { return kWindow; }
int64_t whole_aligned() { return kAligned; }
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
  int64_t width = head[0], room = head[1], sample = head[3], sheet = head[4], batch = x.size(0), blocks = (batch + width - 1) / width;
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
    std::vector<int8_t> own(room + kLanes * sample);
    std::unique_ptr<int8_t[]> sheets(new int8_t[sheet + 64]);  // its vectors begin at lines of the cache
    int8_t* first = sheets.get() + (-reinterpret_cast<uintptr_t>(sheets.get()) & 63);
    for (int64_t n = begin; n < end; ++n) {
      std::vector<float*> to = starts;
      for (size_t a = 0; a < to.size(); ++a) to[a] += n * width * counts[a];
      block(reinterpret_cast<const WholeStep*>(head) + 1, steps.size(0) - 1,
            reinterpret_cast<const WholeChunk*>(list + head[2]), blobs, x.const_data_ptr<float>() + n * width * sample,
            std::min(width, batch - n * width), width, own.data(), own.data() + room, first, to, counts);
    }
  };
  if (blocks > 1)
    at::parallel_for(0, blocks, 1, some);
  else if (blocks == 1)
    some(0, 1);
  return outputs;
}

}  // namespace seesaw
