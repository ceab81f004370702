// Depthwise convolutions of a single sample's images, which have no zeros around them.
//
// A register holds some floats of one row, or the same row of neighbouring channels where rows are short. It goes down the
// images: what it reads of a row is added to the sums of all results that have taps there, for one tap across after the other.

#pragma once

#include "runs.h"

namespace seesaw {

// The way over the images, as the index of a step has it: floats of a channel in one vector, the image, taps down and across,
// how far before the image they begin, and from one result to the next.
struct Way {
  int32_t wide, height, width, kernel, top, left, down, across;
};

// The numbers of lanes, from 0 again after every P.
template <int P>
inline Bits lanes_of() {
  Bits lane;
  SEESAW_UNROLL
  for (int l = 0; l < kWidth; ++l) lane[l] = l % P;
  return lane;
}

// A number of each channel in a register, P times.
template <int P>
inline Part spread_out(const float* numbers) {
  const Bits lane = lanes_of<kWidth>();
  Part x = Part{} + numbers[0];
  SEESAW_UNROLL
  for (int c = 1; c * P < kWidth; ++c) x = lane < c * P ? x : Part{} + numbers[c];
  return x;
}

// P floats of each channel in a register; from(c) is where those of one begin.
template <int P, class From>
inline Part side_by_side(From from) {
#if defined(__AVX2__)
  auto four = [&](int c) { return _mm_loadu_ps(from(c)); };
#endif
#if defined(__AVX512F__)
  auto whole = [](__m256 a, __m256 b) { return (Part)_mm512_insertf32x8(_mm512_castps256_ps512(a), b, 1); };
  if constexpr (P == 8) return whole(_mm256_loadu_ps(from(0)), _mm256_loadu_ps(from(1)));
  if constexpr (P == 4) return whole(_mm256_set_m128(four(1), four(0)), _mm256_set_m128(four(3), four(2)));
#elif defined(__AVX2__)
  if constexpr (P == 4) return (Part)_mm256_set_m128(four(1), four(0));
#endif
  if constexpr (P == kWidth) return load_part(from(0));
}

// At most P floats, without a call, before which a compiler would put all registers away.
template <int P>
inline void store_few(float* to, const float* from, int count) {
  SEESAW_UNROLL
  for (int some = P; some; some /= 2)
    if (count & some) {
      std::memcpy(to, from, 4 * some);
      to += some, from += some;
    }
}

// A register's results of a chunk: `count` channels from its `channel`-th on, columns from `x` on; K taps down and across.
template <int K, int W>
void go_down(const Layer& layer, const Chunk& c, const Step& step, const Way way, int channel, int x, const float* in,
             float* out, const float* more) {
  constexpr int P = std::min(W, kWidth), C = kWidth / P, all = kLanes / W;  // channels in a register and in a chunk
  const int32_t *place = layer.index + c.place + channel, *row = layer.index + c.row + channel;
  const float* value = layer.values + c.value + channel;
  const int count = std::min(C, c.rows - channel);
  Part weight[K][K], sum[K];
  Bits there[K], beside[K];  // by taps across: what is of the image, and where in the register
  SEESAW_UNROLL
  for (int a = 0; a < K; ++a) {
    SEESAW_UNROLL
    for (int d = 0; d < K; ++d) weight[d][a] = spread_out<P>(value + (d * K + a) * all);
    const Bits at = lanes_of<P>() + (x + a - way.left);
    there[a] = (at >= 0) & (at < way.width);
    beside[a] = lanes_of<kWidth>() + (a - way.left);
  }
  const float *from[C], *add[C];
  float *to[C], begin[C];
  SEESAW_UNROLL
  for (int n = 0; n < C; ++n) {
    const int64_t own = row[std::min(n, count - 1)];
    from[n] = in + place[n] + x;
    add[n] = more ? more + own * step.more_row + x : nullptr;
    to[n] = out + own * step.out_row + x / way.across;
    begin[n] = layer.bias[own];
  }
  const Part bias = spread_out<P>(begin), low = Part{} + layer.low, high = Part{} + layer.high;
  SEESAW_UNROLL
  for (int d = 0; d < K; ++d) sum[d] = bias;
  const Bits every = lanes_of<kWidth>() * way.across;
  const int64_t in_row = step.in_outer, out_row = step.out_outer, more_row = step.more_outer;
  const int floats = static_cast<int>(std::min<int64_t>(P / way.across, step.length - x / way.across));
  const int32_t last = (static_cast<int32_t>(step.outer) - 1) * way.down;
  for (int32_t line = 0, done = way.top - K + 1, next = 0; done <= last; ++line, ++done) {  // sum[d]: of result `done` + d
    if (line < way.height) {
      Part here;
      if constexpr (C > 1) here = side_by_side<P>([&](int n) { return from[n] + line * in_row; });
      SEESAW_UNROLL
      for (int a = 0; a < K; ++a) {
        Part some = C > 1 ? __builtin_shuffle(here, beside[a]) : load_part(from[0] + line * in_row + a - way.left);
        some = reinterpret_cast<Part>(reinterpret_cast<Bits>(some) & there[a]);
        SEESAW_UNROLL
        for (int d = 0; d < K; ++d) sum[d] += weight[K - 1 - d][a] * some;
      }
    }
    if (done == next) {
      Part y = sum[0];
      if (more) y += side_by_side<P>([&](int n) { return add[n] + done * more_row; });
      y = y < low ? low : y;
      y = y > high ? high : y;
      if (way.across > 1) y = __builtin_shuffle(y, every);
      SEESAW_UNROLL
      for (int n = 0; n < C; ++n) {
        if (n < count) store_few<P>(to[n], reinterpret_cast<const float*>(&y) + n * (P / way.across), floats);
        to[n] += out_row;
      }
      next += way.down;
    }
    SEESAW_UNROLL
    for (int d = 0; d + 1 < K; ++d) sum[d] = sum[d + 1];
    sum[K - 1] = bias;
  }
}

template <int K, int W>
void all_down(const Layer& layer, const Chunk& c, const Step& step, const Way& way, const float* in, float* out,
              const float* more) {
  constexpr int P = std::min(W, kWidth);
  for (int channel = 0; channel < c.rows; channel += kWidth / P)
    for (int x = 0; x < (step.length - 1) * way.across + 1; x += P)
      go_down<K, W>(layer, c, step, way, channel, x, in, out, more);
}

// A chunk of neighbouring channels.
inline void depthwise(const Layer& layer, const Chunk& c, const Step& step, const float* in, float* out, const float* more) {
  Way way;
  std::memcpy(&way, layer.index + step.index, sizeof way);
  auto of = [&]<int K>() {
    (way.wide == 4 ? all_down<K, 4> : way.wide == 8 ? all_down<K, 8> : all_down<K, 16>)(layer, c, step, way, in, out, more);
  };
  way.kernel == 3 ? of.template operator()<3>() : of.template operator()<5>();
}

}  // namespace seesaw
