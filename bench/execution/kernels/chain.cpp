// Chains of layers in one call.
//
// Where runs have a length of 1, vectors run along the rows instead, in one of four forms: broadcast, slide (cyclic
// diagonals: the places of neighbouring rows are neighbours), gather and lookup (free places).


#include <cmath>

#include "chain.h"
#include "depthwise.h"
#include "runs.h"
#include "shares.h"
#include "tensors.h"

namespace seesaw {
namespace {

// L = 1, vectors along rows. At place k all lanes read the same number (broadcast), each lane the neighbour of the one
// before (slide), its own (gather), or its own among the 2 x kLanes floats from there on (lookup; in registers, since
// gathers are slow on many processors).
enum Form { kRuns = 0, kBroadcast = 1, kSlide = 2, kGather = 3, kLookup = 4, kDepthwise = 5 };

constexpr int64_t kHere = 1 << 13;  // most floats of room that are taken from the stack
constexpr int kAhead = 256;  // how far values are fetched ahead: the processor itself stops at the end of a page

// Whether the numbers of rows follow one another.
template <int N>
bool follow(const int32_t* row) {
  int32_t off = 0;
  for (int r = 0; r < N; ++r) off |= row[r] ^ (row[0] + r);
  return !off;
}

template <int V, int U, int F>
void point(const Layer& layer, const Chunk& c, const float* in, float* out, const float* more) {
  const int32_t* place = layer.index + c.place;
  const float* value = layer.values + c.value;
  const int32_t* row = layer.index + c.row;
  constexpr int W = V * kLanes;
  Vec sum[U][V] = {};
  auto add = [&](int64_t k, int u) {
    SEESAW_UNROLL
    for (int v = 0; v < V; ++v) {
      __builtin_prefetch(value + k * W + v * kLanes + kAhead);
      Vec w = load(value + k * W + v * kLanes);
      if constexpr (F == kBroadcast) {
        sum[u][v] += in[place[k]] * w;
      } else if constexpr (F == kSlide) {
        sum[u][v] += load(in + place[k] + v * kLanes) * w;
      } else if constexpr (F == kLookup) {
        const uint8_t* own = reinterpret_cast<const uint8_t*>(place + c.places) + k * W + v * kLanes;
        sum[u][v] += look_up(in + place[k], own) * w;
      } else {
        const uint16_t* own = reinterpret_cast<const uint16_t*>(place) + k * W + v * kLanes;
        __builtin_prefetch(own + kAhead);
        sum[u][v] += gather(in, own) * w;
      }
    }
  };
  int64_t k = 0;
  for (; k + U <= c.places; k += U)
    SEESAW_UNROLL
    for (int u = 0; u < U; ++u) add(k + u, u);
  for (; k < c.places; ++k) add(k, 0);
  for (int u = 1; u < U; ++u)
    SEESAW_UNROLL
    for (int v = 0; v < V; ++v) sum[0][v] += sum[u][v];
  if (c.rows == W && follow<W>(row)) {
    SEESAW_UNROLL
    for (int v = 0; v < V; ++v) {
      int64_t at = row[0] + v * kLanes;
      Vec y = sum[0][v] + load(layer.bias + at);
      if (more) y += load(more + at);
      store(out + at, clamp(y, layer.low, layer.high));
    }
    return;
  }
  const float* sums = reinterpret_cast<const float*>(&sum[0]);
  for (int r = 0; r < c.rows; ++r) {
    float y = sums[r] + layer.bias[row[r]] + (more ? more[row[r]] : 0.f);
    out[row[r]] = std::min(std::max(y, layer.low), layer.high);
  }
}

// Sums of V vectors that are added up apart, so that one addition does not wait for the one before: 8 registers of them.
constexpr int apart(int vectors) { return std::max(1, 8 / (vectors * kParts)); }

template <int F>
void points(const Layer& layer, const Chunk& c, const float* in, float* out, const float* more) {
  if (c.rows <= kLanes)
    point<1, apart(1), F>(layer, c, in, out, more);
  else if (c.rows <= 2 * kLanes)
    point<2, apart(2), F>(layer, c, in, out, more);
  else
    point<4, apart(4), F>(layer, c, in, out, more);
}

// Chunks along runs, as many at a time as have the same number of rows.
void along_runs(const Step& step, const Layer& layer, const float* in, float* out, const float* more, const int32_t* mask,
                int64_t begin, int64_t end) {
  const Along single = step.count ? kNarrow : even(step) ? kEven : kAlong[1];
  const Chunk *c = layer.chunks + begin, *last = layer.chunks + end;
  while (c < last) {
    const Chunk* next = c + 1;
    while (next < last && next->rows == c->rows) ++next;
    (c->rows > 1 ? kAlong[c->rows] : single)(layer, c, next, in, out, more, mask, step);
    c = next;
  }
}

// Chunks along runs, all of them at `places` floats of a run before the next: so many of the inputs stay in the nearest cache.
void strips(const Step& step, const Layer& layer, const float* in, float* out, const float* more, const int32_t* mask,
            int64_t begin, int64_t end) {
  Step strip = step;
  strip.outer = strip.inner = 1;
  for (int64_t line = 0; line < step.outer; ++line)
    for (int64_t run = 0; run < step.inner; ++run)
      for (int64_t at = 0; at < step.length; at += step.places) {
        strip.length = std::min(step.places, step.length - at);
        const float* from = in + line * step.in_outer + run * step.in_inner + at;
        float* to = out + line * step.out_outer + run * step.out_inner + at;
        const float* add = more ? more + line * step.more_outer + run * step.more_inner + at : nullptr;
        along_runs(strip, layer, from, to, add, mask ? mask + at : nullptr, begin, end);
      }
}

void affine(const Step& step, const Layer& layer, const float* in, float* out, const float* more,
            const int32_t* mask) {
  auto some = [&](int64_t begin, int64_t end) {
    if (step.form == kRuns) return along_runs(step, layer, in, out, more, mask, begin, end);
    for (int64_t n = begin; n < end; ++n) {
      const Chunk& c = layer.chunks[n];
      switch (step.form) {
        case kBroadcast: points<kBroadcast>(layer, c, in, out, more); break;
        case kSlide: points<kSlide>(layer, c, in, out, more); break;
        case kGather: points<kGather>(layer, c, in, out, more); break;
        case kLookup: points<kLookup>(layer, c, in, out, more); break;
        case kDepthwise: depthwise(layer, c, step, in, out, more); break;
      }
    }
  };
  int64_t work = step.work + layer.count * kBegun;
  if (step.form != kRuns || !step.places) return in_shares(layer.count, work, some);
  in_shares(layer.count, work, [&](int64_t begin, int64_t end) {
    strips(step, layer, in, out, more, mask, begin, end);
  });
}

// Every element, over all lanes: clamp of the sum or of the largest of `places` places; a place of -1 is left out.
template <int OP>
void each(const Step& step, const int32_t* index, float* room, float low, float high) {
  const int32_t* to = index + step.index;
  const int32_t* all = to + step.count;
  in_shares(step.count, step.count * step.places * step.length * kGathered, [&](int64_t begin, int64_t end) {
    const int32_t* from = all + begin * step.places;
    if (step.places == 1 && step.length == 1) {
      for (int64_t e = begin; e < end; ++e, ++from) {
        float x = *from < 0 ? (OP == kMax ? -INFINITY : 0.f) : room[*from];
        room[to[e]] = std::min(std::max(x, low), high);
      }
      return;
    }
    for (int64_t e = begin; e < end; ++e, from += step.places) {
      float* y = room + to[e];
      for (int64_t l = 0; l < step.length; ++l) {
        float x = OP == kMax ? -INFINITY : 0.f;
        for (int64_t k = 0; k < step.places; ++k)
          if (from[k] >= 0) {
            float v = room[from[k] + l];
            x = OP == kMax ? (v > x || v != v ? v : x) : x + v;  // NaN wins, as in PyTorch
          }
        y[l] = std::min(std::max(x, low), high);
      }
    }
  });
}

// Moves segments, (to, from, floats) each; those from before the beginning are zeros.
void copy(const int32_t* list, int64_t count, float* to, const float* from) {
  for (int64_t e = 0; e < count; ++e, list += 3) {
    if (list[1] < 0)
      std::fill_n(to + list[0], list[2], 0.f);
    else
      std::memcpy(to + list[0], from + list[1], 4 * list[2]);
  }
}

// Of every segment each other float.
void copy_even(const int32_t* list, int64_t count, float* room) {
  Bits even;
  SEESAW_UNROLL
  for (int l = 0; l < kWidth; ++l) even[l] = 2 * l;
  for (int64_t e = 0; e < count; ++e, list += 3) {
    float* to = room + list[0];
    if (list[1] < 0) {
      std::fill_n(to, list[2], 0.f);
      continue;
    }
    const float* from = room + list[1];
    int64_t floats = list[2];
    in_shares((floats + kWidth - 1) / kWidth, floats * kMoved, [=](int64_t begin, int64_t end) {
      for (int64_t at = begin * kWidth; at < std::min(end * kWidth, floats); at += kWidth) {
        Part some = __builtin_shuffle(load_part(from + 2 * at), load_part(from + 2 * at + kWidth), even);
        if (floats - at >= kWidth)
          store_part(to + at, some);
        else
          std::memcpy(to + at, &some, 4 * (floats - at));
      }
    });
  }
}

// Copies of images, each moved along their rows; zero where the mask is zero. Vectors reach at most kLanes - 1 floats past an image.
void planes(const Step& step, const int32_t* index, float* room) {
  const int32_t *begin = index + step.index, *first = begin + step.places, *last = first + step.places;
  const int32_t* images = last + step.places;
  const int64_t floats = step.out_row, copies = step.count * step.places;
  in_shares(copies, copies * floats * kMoved, [=](int64_t from, int64_t to) {
    for (int64_t n = from; n < to; ++n) {
      const int64_t copy = n % step.places;
      const int32_t* mask = index + step.mask + copy * floats;
      const float* image = room + images[n] + begin[copy];
      float* own = room + step.out + n * floats;
      std::fill_n(own, first[copy], 0.f);
      for (int64_t at = first[copy]; at < last[copy]; at += kLanes) store(own + at, masked(load(image + at), mask + at));
      std::fill_n(own + last[copy], floats - last[copy], 0.f);
    }
  });
}

float as_float(int64_t bits) {
  int32_t narrow = static_cast<int32_t>(bits);
  float x;
  std::memcpy(&x, &narrow, 4);
  return x;
}

// One block of samples through all steps. A place in `room` holds one number of every sample of the block, side by side.
void block(const Step* steps, int64_t count, const Chunk* chunks, const int32_t* index, const float* values, float* room,
           const float* x, int64_t samples, const std::vector<float*>& outputs) {
  for (const Step* step = steps; step < steps + count; ++step) {
    float low = as_float(step->low), high = as_float(step->high);
    const int32_t* list = index + step->index;
    switch (step->op) {
      case kAffine: {
        Layer layer{chunks + step->chunk, step->chunks, index, values, values + step->bias, low, high, step->index};
        affine(*step, layer, room + step->in, room + step->out, step->more < 0 ? nullptr : room + step->more,
               step->mask < 0 ? nullptr : index + step->mask);
        break;
      }
      case kSum: each<kSum>(*step, index, room, low, high); break;
      case kMax: each<kMax>(*step, index, room, low, high); break;
      case kZero:
        for (int64_t row = 0; row < step->outer; ++row)
          for (int64_t e = 0; e < step->count; ++e)
            std::fill_n(room + step->out + row * step->out_outer + list[2 * e], list[2 * e + 1], 0.f);
        break;
      case kCopy:
        if (step->places == 2)
          copy_even(list, step->count, room);
        else
          copy(list, step->count, room, room);
        break;
      case kPlanes: planes(*step, index, room); break;
      case kInput:
        if (step->places)
          copy(list, step->places, room, x);
        else
          spread(x, samples, step->count, step->length, list, room, 0, step->count);
        break;
      case kOutput:
        if (step->places)
          copy(list, step->places, outputs[step->form], room);
        else
          collect(room, list, step->length, samples, step->count, outputs[step->form], 0, step->count);
        break;
    }
  }
}

}  // namespace

std::vector<at::Tensor> chain(const at::Tensor& x, const at::Tensor& steps, const at::Tensor& index,
                              const at::Tensor& values, at::IntArrayRef counts) {
  TORCH_CHECK(x.is_contiguous() && x.scalar_type() == at::kFloat && x.dim() > 0, "x: contiguous float32 (N, ...)");
  TORCH_CHECK(steps.is_contiguous() && steps.scalar_type() == at::kLong && steps.dim() == 2 &&
                  steps.size(0) > 0 && steps.size(1) == kFields,
              "steps: contiguous int64 (1 + steps, ", kFields, ")");
  TORCH_CHECK(index.is_contiguous() && index.scalar_type() == at::kInt, "index: contiguous int32");
  TORCH_CHECK(values.is_contiguous() && values.scalar_type() == at::kFloat, "values: contiguous float32");
  TORCH_CHECK(x.is_cpu() && steps.is_cpu() && index.is_cpu() && values.is_cpu(), "a chain runs on the CPU");
  const int64_t* head = steps.data_ptr<int64_t>();
  int64_t width = head[0], room = head[1];
  TORCH_CHECK(width > 0 && room >= 0, "steps: they begin with the samples of a block and its room");
  const int32_t* list = index.data_ptr<int32_t>();
  int64_t batch = x.size(0), sample = batch ? x.numel() / batch : 0, blocks = (batch + width - 1) / width;
  for (int64_t n = 1; n < steps.size(0); ++n) {
    const Step& step = reinterpret_cast<const Step*>(head)[n];
    TORCH_CHECK(step.op != kInput || !batch || step.count == sample, "x: samples of ", step.count, " numbers, not ",
                sample);
    TORCH_CHECK(step.op != kOutput || (step.form < static_cast<int64_t>(counts.size()) && step.count == counts[step.form]),
                "counts: they are not those of the steps");
  }
  std::vector<at::Tensor> outputs;
  for (int64_t count : counts) outputs.push_back(empty({batch, count}));
  std::vector<float*> starts;
  for (auto& output : outputs) starts.push_back(output.data_ptr<float>());
  auto some = [&](int64_t begin, int64_t end) {
    alignas(64) float here[kHere];
    at::Tensor space;  // where the stack has too little room
    if (room > kHere) space = empty({room});
    float* begins = room > kHere ? space.data_ptr<float>() : here;
    for (int64_t n = begin; n < end; ++n) {
      std::vector<float*> to = starts;
      for (size_t a = 0; a < to.size(); ++a) to[a] += n * width * counts[a];
      block(reinterpret_cast<const Step*>(head) + 1, steps.size(0) - 1, reinterpret_cast<const Chunk*>(list + head[2]),
            list, values.data_ptr<float>(), begins, x.data_ptr<float>() + n * width * sample,
            std::min(width, batch - n * width), to);
    }
  };
  if (blocks > 1)
    at::parallel_for(0, blocks, 1, some);
  else if (blocks == 1)
    some(0, 1);
  return outputs;
}

}  // namespace seesaw
