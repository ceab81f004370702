// Layers that compute only with the weights that exist, and chains of them in one call.
//
// A layer is a list of chunks. The rows (outputs) of a chunk read the same places, so that what is loaded once serves
// them all:   out[row][0..L) = clamp(bias[row] + sum_k value[k][row] * in[place[k] + 0..L) + more[row][0..L))
// That one sum is a linear layer (places: inputs, L: the batch), and a convolution of any kernel, stride and pattern
// (places: channels and taps, L: a run of pixels; program.py tells of the layout that makes it so). Vectors run along
// L. Where L is 1 they run along the rows instead, in one of three forms: broadcast, slide (cyclic diagonals: the places
// of neighbouring rows are neighbours) and gather (free places).

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

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
};

// One instruction of a chain. encode.py writes them under the same names, in this order; places count floats.
struct Step {
  int64_t op, form;
  int64_t chunk, chunks, bias, low, high, work;     // a layer: its chunks, its bias, its bounds (bits of floats), MACs
  int64_t in, out, more, mask;                      // where each begins; more and mask may be -1
  int64_t outer, inner, length;                     // runs: lines, runs in a line, floats in a run
  int64_t in_outer, in_inner, out_outer, out_inner, more_outer, more_inner;  // from one to the next
  int64_t out_row, more_row;                        // from one row (channel) to the next
  int64_t index, count, places;                     // lists of places in the index
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

// L = 1, vectors along rows. What a lane reads at place k: broadcast the same, slide its neighbour, gather its own,
// look up its own among the 2 x kLanes floats from there on (in registers: gathers are slow on many processors).
enum Form { kRuns = 0, kBroadcast = 1, kSlide = 2, kGather = 3, kLookup = 4 };

constexpr int kAhead = 256;  // how far values are fetched ahead: the processor itself stops at the end of a page

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
        const float* from = in + place[k];
#if defined(__AVX512F__)
        __m512i at = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(own)));
        Vec x = (Vec)_mm512_permutex2var_ps((__m512)load(from), at, (__m512)load(from + kLanes));
#else
        Vec x;
        SEESAW_UNROLL
        for (int l = 0; l < kLanes; ++l) x[l] = from[own[l]];
#endif
        sum[u][v] += x * w;
      } else {
        const uint16_t* own = reinterpret_cast<const uint16_t*>(place) + k * W + v * kLanes;
        __builtin_prefetch(own + kAhead);
#if defined(__AVX512F__)
        __m512i at = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(own)));
        Vec x = (Vec)_mm512_i32gather_ps(at, in, 4);
#elif defined(__AVX2__)
        __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(own));
        __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(own + 8));
        Vec x;
        __m256 lo = _mm256_i32gather_ps(in, _mm256_cvtepu16_epi32(a), 4);
        __m256 hi = _mm256_i32gather_ps(in, _mm256_cvtepu16_epi32(b), 4);
        std::memcpy(&x, &lo, 32);
        std::memcpy(reinterpret_cast<char*>(&x) + 32, &hi, 32);
#else
        Vec x;
        SEESAW_UNROLL
        for (int l = 0; l < kLanes; ++l) x[l] = in[own[l]];
#endif
        sum[u][v] += x * w;
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
  const float* got = reinterpret_cast<const float*>(&sum[0]);
  for (int r = 0; r < c.rows; ++r) {
    float y = got[r] + layer.bias[row[r]] + (more ? more[row[r]] : 0.f);
    out[row[r]] = std::min(std::max(y, layer.low), layer.high);
  }
}

template <int F>
void points(const Layer& layer, const Chunk& c, const float* in, float* out, const float* more) {
  if (c.rows <= kLanes)
    point<1, 8, F>(layer, c, in, out, more);
  else if (c.rows <= 2 * kLanes)
    point<2, 4, F>(layer, c, in, out, more);
  else
    point<4, 2, F>(layer, c, in, out, more);
}

constexpr int64_t kWorth = 1 << 18;  // MACs for which a second thread pays

void affine(const Step& step, const Layer& layer, const float* in, float* out, const float* more,
            const int32_t* mask) {
  auto some = [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const Chunk& c = layer.chunks[n];
      switch (step.form) {
        case kBroadcast: points<kBroadcast>(layer, c, in, out, more); break;
        case kSlide: points<kSlide>(layer, c, in, out, more); break;
        case kGather: points<kGather>(layer, c, in, out, more); break;
        case kLookup: points<kLookup>(layer, c, in, out, more); break;
        default: kAlong[c.rows](layer, c, in, out, more, mask, step);
      }
    }
  };
  int64_t grain = std::max<int64_t>(1, layer.count * kWorth / std::max<int64_t>(step.work, 1));
  if (layer.count <= grain)
    some(0, layer.count);
  else
    at::parallel_for(0, layer.count, grain, some);
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

void spread(const float* x, int64_t samples, int64_t count, int64_t lanes, const int32_t* list, float* room,
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

void collect(const float* room, const int32_t* list, int64_t lanes, int64_t samples, int64_t count, float* x,
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

// Gradients of a layer along runs, feature-major: what came in (inputs, stride), what comes back (rows, stride), floats
// from one row to the next a multiple of kLanes and the last ones zero.

template <int R, int V>
inline void back_tile(const Layer& layer, const Chunk& c, const float* gradient, float* out) {
  const int32_t* place = layer.index + c.place;
  const float* value = layer.values + c.value;
  const int32_t* row = layer.index + c.row;
  Vec g[R][V];
  SEESAW_UNROLL
  for (int r = 0; r < R; ++r)
    SEESAW_UNROLL
    for (int v = 0; v < V; ++v) g[r][v] = load(gradient + row[r] * layer.stride + v * kLanes);
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
  constexpr int V = R <= 8 ? 2 : 1;
  int at = 0;
  for (; at + V <= vectors; at += V) back_tile<R, V>(layer, c, gradient + at * kLanes, out + at * kLanes);
  for (; at < vectors; ++at) back_tile<R, 1>(layer, c, gradient + at * kLanes, out + at * kLanes);
}

inline Bits lanes(int first, int step) {
  Bits found;
  SEESAW_UNROLL
  for (int l = 0; l < kLanes; ++l) found[l] = first + step * l;
  return found;
}

// The sums of kLanes vectors, one in each lane.
inline Vec sums(Vec* from) {
  const Bits even = lanes(0, 2), odd = lanes(1, 2);
  SEESAW_UNROLL
  for (int left = kLanes / 2; left; left /= 2)
    SEESAW_UNROLL
    for (int n = 0; n < left; ++n)
      from[n] = __builtin_shuffle(from[2 * n], from[2 * n + 1], even) +
                __builtin_shuffle(from[2 * n], from[2 * n + 1], odd);
  return from[0];
}

// The gradient of a chunk's values: products of inputs and gradients, summed over the batch.
template <int R>
void grow(const Layer& layer, const Chunk& c, const float* in, const float* gradient, float* out) {
  const int32_t* place = layer.index + c.place;
  const int32_t* row = layer.index + c.row;
  constexpr int K = R >= kLanes ? 1 : kLanes / R;  // places at once
  out += c.value;
  for (int64_t k = 0; k < c.places; k += K) {
    int some = std::min<int64_t>(K, c.places - k);
    Vec sum[kLanes] = {};
    const float* x[K];
    SEESAW_UNROLL
    for (int p = 0; p < K; ++p) x[p] = in + place[k + std::min(p, some - 1)] * layer.stride;
    for (int64_t b = 0; b < layer.stride; b += kLanes) {
      Vec g[R];
      SEESAW_UNROLL
      for (int r = 0; r < R; ++r) g[r] = load(gradient + row[r] * layer.stride + b);
      SEESAW_UNROLL
      for (int p = 0; p < K; ++p) {
        Vec at = load(x[p] + b);
        SEESAW_UNROLL
        for (int r = 0; r < R; ++r) sum[p * R + r] += at * g[r];
      }
    }
    Vec found = sums(sum);
    std::memcpy(out + k * R, &found, 4 * some * R);
  }
}

using Back = void (*)(const Layer&, const Chunk&, const float*, float*, int);
using Grow = void (*)(const Layer&, const Chunk&, const float*, const float*, float*);
constexpr Back kBack[] = {nullptr, back<1>, back<2>, back<3>, back<4>, back<5>, back<6>, back<7>, back<8>};
constexpr Grow kGrow[] = {nullptr, grow<1>, grow<2>, grow<3>, grow<4>, grow<5>, grow<6>, grow<7>, grow<8>};
constexpr int64_t kRows = 8;  // most rows of a chunk that is trained

// Every element, over all lanes: clamp of the sum or of the largest of `places` places; a place of -1 is not there.
template <int OP>
void each(const Step& step, const int32_t* index, float* room, float low, float high) {
  const int32_t* to = index + step.index;
  const int32_t* from = to + step.count;
  for (int64_t e = 0; e < step.count; ++e, from += step.places) {
    float* y = room + to[e];
    for (int64_t l = 0; l < step.length; ++l) {
      float x = OP == kMax ? -INFINITY : 0.f;
      for (int64_t k = 0; k < step.places; ++k)
        if (from[k] >= 0) {
          float v = room[from[k] + l];
          x = OP == kMax ? (v > x || v != v ? v : x) : x + v;  // a number that is none wins, as in PyTorch
        }
      y[l] = std::min(std::max(x, low), high);
    }
  }
}

float as_float(int64_t bits) {
  int32_t narrow = static_cast<int32_t>(bits);
  float x;
  std::memcpy(&x, &narrow, 4);
  return x;
}

// One block of samples through all steps. A place in `room` holds one number of every sample of the block, side by side.
void block(const Step* steps, int64_t count, const Chunk* chunks, const int32_t* index, const float* values, float* room,
           const float* x, int64_t samples, const std::vector<float*>& answers) {
  for (const Step* step = steps; step < steps + count; ++step) {
    float low = as_float(step->low), high = as_float(step->high);
    const int32_t* list = index + step->index;
    switch (step->op) {
      case kAffine: {
        Layer layer{chunks + step->chunk, step->chunks, index, values, values + step->bias, low, high};
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
      case kCopy:  // (to, from, floats)
        for (int64_t e = 0; e < step->count; ++e, list += 3) {
          if (list[1] < 0)
            std::fill_n(room + list[0], list[2], 0.f);
          else
            std::memcpy(room + list[0], room + list[1], 4 * list[2]);
        }
        break;
      case kInput:
        spread(x, samples, step->count, step->length, list, room, 0, step->count);
        break;
      case kOutput:
        collect(room, list, step->length, samples, step->count, answers[step->form], 0, step->count);
        break;
    }
  }
}

// A chain of layers on a batch, block by block.
//
// x: (N, ...), contiguous float32. steps: (1 + steps, kFields) int64; the first says how many samples a block has, how
// many floats of room it needs, and where the chunks begin in the index. index: int32. values: float32. counts: numbers
// a sample has in each answer.
std::vector<at::Tensor> chain(const at::Tensor& x, const at::Tensor& steps, const at::Tensor& index,
                              const at::Tensor& values, at::IntArrayRef counts) {
  TORCH_CHECK(x.is_contiguous() && x.scalar_type() == at::kFloat && x.dim() > 0, "x: contiguous float32 (N, ...)");
  TORCH_CHECK(steps.is_contiguous() && steps.scalar_type() == at::kLong && steps.dim() == 2 &&
                  steps.size(0) > 0 && steps.size(1) == kFields,
              "steps: contiguous int64 (1 + steps, ", kFields, ")");
  TORCH_CHECK(index.is_contiguous() && index.scalar_type() == at::kInt, "index: contiguous int32");
  TORCH_CHECK(values.is_contiguous() && values.scalar_type() == at::kFloat, "values: contiguous float32");
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
  std::vector<at::Tensor> answers;
  for (int64_t count : counts) answers.push_back(at::empty({batch, count}, x.options()));
  std::vector<float*> starts;
  for (auto& answer : answers) starts.push_back(answer.data_ptr<float>());
  auto some = [&](int64_t begin, int64_t end) {
    at::Tensor space = at::empty({room}, x.options());
    for (int64_t n = begin; n < end; ++n) {
      std::vector<float*> to = starts;
      for (size_t a = 0; a < to.size(); ++a) to[a] += n * width * counts[a];
      block(reinterpret_cast<const Step*>(head) + 1, steps.size(0) - 1, reinterpret_cast<const Chunk*>(list + head[2]),
            list, values.data_ptr<float>(), space.data_ptr<float>(), x.data_ptr<float>() + n * width * sample,
            std::min(width, batch - n * width), to);
    }
  };
  if (blocks > 1)
    at::parallel_for(0, blocks, 1, some);
  else if (blocks == 1)
    some(0, 1);
  return answers;
}

// Shares of the features, in whole vectors, among the threads.
template <class Some>
void in_blocks(int64_t features, int64_t stride, Some some) {
  int64_t blocks = (features + kLanes - 1) / kLanes;
  at::parallel_for(0, blocks, std::max<int64_t>(1, (1 << 15) / (stride * kLanes)), [&](int64_t begin, int64_t end) {
    some(begin * kLanes, std::min(end * kLanes, features));
  });
}

// A batch (N, features) as (features, stride), the stride a multiple of kLanes; what is past the batch is zero.
at::Tensor across(const at::Tensor& x, int64_t stride) {
  at::Tensor rows = x.contiguous(), turned = at::empty({x.size(1) * stride + kLanes * 8}, x.options());
  in_blocks(x.size(1), stride, [&](int64_t begin, int64_t end) {
    spread(rows.data_ptr<float>(), x.size(0), x.size(1), stride, nullptr, turned.data_ptr<float>(), begin, end);
  });
  return turned;
}

// And back.
at::Tensor along_batch(const at::Tensor& turned, int64_t stride, int64_t batch, int64_t features) {
  at::Tensor x = at::empty({batch, features}, turned.options());
  in_blocks(features, stride, [&](int64_t begin, int64_t end) {
    collect(turned.data_ptr<float>(), nullptr, stride, batch, features, x.data_ptr<float>(), begin, end);
  });
  return x;
}

Layer trained(const at::Tensor& values, const at::Tensor& chunks, const at::Tensor& index, int64_t stride) {
  TORCH_CHECK(values.is_contiguous() && values.scalar_type() == at::kFloat, "values: contiguous float32");
  TORCH_CHECK(chunks.is_contiguous() && chunks.scalar_type() == at::kInt, "chunks: contiguous int32");
  TORCH_CHECK(index.is_contiguous() && index.scalar_type() == at::kInt, "index: contiguous int32");
  return {reinterpret_cast<const Chunk*>(chunks.data_ptr<int32_t>()), chunks.size(0), index.data_ptr<int32_t>(),
          values.data_ptr<float>(), nullptr, -INFINITY, INFINITY, stride};
}

int64_t whole(int64_t batch) { return (batch + kLanes - 1) / kLanes * kLanes; }

// x: (N, inputs) float32. values: of all chunks. bias: (rows). Gives (N, rows).
at::Tensor linear(const at::Tensor& x, const at::Tensor& values, const at::Tensor& bias, const at::Tensor& chunks,
                  const at::Tensor& index) {
  TORCH_CHECK(x.dim() == 2 && x.scalar_type() == at::kFloat, "x: float32 (N, inputs)");
  int64_t batch = x.size(0), stride = whole(batch), rows = bias.size(0);
  Layer layer = trained(values, chunks, index, stride);
  for (int64_t n = 0; n < layer.count; ++n) {
    const Chunk& c = layer.chunks[n];
    for (int64_t k = 0; k < c.places; ++k)
      TORCH_CHECK(layer.index[c.place + k] < x.size(1), "x: the layer has more than ", x.size(1), " inputs");
    for (int64_t r = 0; r < c.rows; ++r)
      TORCH_CHECK(layer.index[c.row + r] < rows, "bias: the layer has more than ", rows, " rows");
  }
  at::Tensor start = bias.contiguous(), in = across(x, stride), out = at::empty({rows, stride}, x.options());
  layer.bias = start.data_ptr<float>();
  Step step = {};
  step.outer = step.inner = 1;
  step.length = step.out_row = stride;
  step.more = step.mask = -1;
  step.work = values.numel() * stride;
  affine(step, layer, in.data_ptr<float>(), out.data_ptr<float>(), nullptr, nullptr);
  return along_batch(out, stride, batch, rows);
}

// gradient: (N, rows). Gives the gradients of the inputs (N, inputs; empty where not asked for) and of the values.
std::tuple<at::Tensor, at::Tensor> linear_backward(const at::Tensor& gradient, const at::Tensor& x,
                                                   const at::Tensor& values, const at::Tensor& chunks,
                                                   const at::Tensor& index, bool inputs) {
  TORCH_CHECK(gradient.dim() == 2 && gradient.size(0) == x.size(0) && gradient.scalar_type() == at::kFloat,
              "gradient: float32 (N, rows)");
  int64_t batch = x.size(0), stride = whole(batch), work = values.numel() * stride;
  Layer layer = trained(values, chunks, index, stride);
  at::Tensor in = across(x, stride), came = across(gradient, stride), grown = at::empty_like(values);
  const float* g = came.data_ptr<float>();
  auto each = [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n)
      kGrow[layer.chunks[n].rows](layer, layer.chunks[n], in.data_ptr<float>(), g, grown.data_ptr<float>());
  };
  at::parallel_for(0, layer.count, std::max<int64_t>(1, layer.count * kWorth / std::max<int64_t>(work, 1)), each);
  if (!inputs) return {at::empty({0}, x.options()), grown};
  at::Tensor back = at::zeros({x.size(1), stride}, x.options());
  constexpr int64_t kSome = 2;  // vectors of lanes at once: what they read and write stays in the cache
  auto some = [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at)
      for (int64_t n = 0; n < layer.count; ++n) {
        int64_t lane = at * kSome * kLanes;
        kBack[layer.chunks[n].rows](layer, layer.chunks[n], g + lane, back.data_ptr<float>() + lane,
                                    std::min<int64_t>(kSome, (stride - lane) / kLanes));
      }
  };
  int64_t tiles = (stride + kSome * kLanes - 1) / (kSome * kLanes);
  at::parallel_for(0, tiles, std::max<int64_t>(1, tiles * kWorth / std::max<int64_t>(work, 1)), some);
  return {along_batch(back, stride, batch, x.size(1)), grown};
}

}  // namespace

TORCH_LIBRARY_IMPL(seesaw, CPU, m) {
  m.impl("chain", chain);
  m.impl("linear", linear);
  m.impl("linear_backward", linear_backward);
}
