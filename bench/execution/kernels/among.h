// Rows that read places of their own, 16 side by side: at every step each row looks four of its numbers up among the kWindow
// that follow one another from the step's place on (bench/execution/program/look_ups.py chooses the steps), and one instruction
// multiplies and adds all 64. An index is a byte, as a value is.
//
// For that the numbers lie in a sheet: sample by sample and pixel by pixel, all channels of one side by side. So a step serves
// every position of a convolution, and every sample.

#pragma once

#include "levels.h"
#include "whole_steps.h"

namespace seesaw {

constexpr int kStep = 8 * kLanes;     // levels of a step: 64 values, and where each looks
constexpr int64_t kNext = 16 * kStep;  // how far ahead steps are fetched

// A square of 16 x 16 levels, turned: rows begin where `from` says, and lie side by side in `to`.
inline void turn_levels(const int8_t* const* from, int8_t (*to)[kLanes]) {
#if defined(__AVX2__)
  __m128i x[kLanes], y[kLanes];
  SEESAW_UNROLL
  for (int n = 0; n < kLanes; ++n) x[n] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from[n]));
  auto shuffled = [](const __m128i* a, __m128i* b) {  // four of these turn the square
    SEESAW_UNROLL
    for (int n = 0; n < kLanes / 2; ++n) {
      b[2 * n] = _mm_unpacklo_epi8(a[n], a[n + kLanes / 2]);
      b[2 * n + 1] = _mm_unpackhi_epi8(a[n], a[n + kLanes / 2]);
    }
  };
  shuffled(x, y), shuffled(y, x), shuffled(x, y), shuffled(y, x);
  SEESAW_UNROLL
  for (int n = 0; n < kLanes; ++n) _mm_storeu_si128(reinterpret_cast<__m128i*>(to[n]), x[n]);
#else
  for (int n = 0; n < kLanes; ++n)
    for (int m = 0; m < kLanes; ++m) to[m][n] = from[n][m];
#endif
}

// The sums of S positions, whose numbers begin where `from` says; each in U parts, so that an addition does not wait for the
// one before.
template <int S, int U>
inline void among(const int8_t* value, const int32_t* place, int64_t steps, const int8_t* const* from,
                  const int32_t* bias, Sums* sums) {
  Sums sum[U][S];
  SEESAW_UNROLL
  for (int s = 0; s < S; ++s) {
    sum[0][s] = load_sums(bias);
    SEESAW_UNROLL
    for (int u = 1; u < U; ++u) sum[u][s] = all_sums(0);
  }
  auto add = [&](int64_t k, int u) {
    const int8_t* own = value + k * kStep;
    __builtin_prefetch(own + kNext);
    __builtin_prefetch(own + kNext + kStep / 2);
    const Quads w = load_quads(own);
    const Places at = load_places(own + kStep / 2);
    SEESAW_UNROLL
    for (int s = 0; s < S; ++s) add_products(sum[u][s], look_up(from[s] + place[k], at), w);
  };
  int64_t k = 0;
  for (; k + U <= steps; k += U)
    SEESAW_UNROLL
    for (int u = 0; u < U; ++u) add(k + u, u);
  for (; k < steps; ++k) add(k, 0);
  SEESAW_UNROLL
  for (int s = 0; s < S; ++s) {
    SEESAW_UNROLL
    for (int u = 1; u < U; ++u) add_sums(sum[0][s], sum[u][s]);
    sums[s] = sum[0][s];
  }
}

inline int64_t filled_up(int64_t channels) { return (channels + kLanes - 1) / kLanes * kLanes; }

// The sheet of a layer, with the levels' offset: `places` pixels of every sample, each filled up to whole sixteens of channels.
inline void lay_out(const WholeStep& s, const Blobs& b, const int8_t* room, int64_t samples, int8_t* sheet) {
  const int32_t* from = b.index + s.index;
  const int64_t length = s.places * samples, wide = filled_up(s.count);
  const int8_t off = kOffset ? -128 : 0;
  if (length == 1) {
    for (int64_t c = 0; c < s.count; ++c) sheet[c] = room[from[c]] ^ off;
    return;
  }
  alignas(64) const int8_t none[kLanes] = {};
  alignas(64) int8_t turned[kLanes][kLanes];
  const int8_t* rows[kLanes];
  for (int64_t at = 0; at < length; at += kLanes) {
    int8_t* to[kLanes];
    const int64_t some = std::min<int64_t>(kLanes, length - at);
    for (int64_t n = 0; n < some; ++n)  // places follow one another pixel by pixel, the samples of one side by side
      to[n] = sheet + ((at + n) % samples * s.places + (at + n) / samples) * wide;
    for (int64_t c = 0; c < s.count; c += kLanes) {
      for (int64_t n = 0; n < kLanes; ++n) rows[n] = c + n < s.count ? room + from[c + n] + at : none;
      turn_levels(rows, turned);
      for (int64_t n = 0; n < some; ++n) {
        for (int m = 0; m < kLanes; ++m) turned[n][m] ^= off;
        std::memcpy(to[n] + c, turned[n], kLanes);
      }
    }
  }
}

// 16 rows of the form `among`, at all positions.
inline void among_rows(const WholeStep& s, const WholeChunk& c, const Blobs& b, const int8_t* sheet, const int8_t* room,
                const Target& to) {
  const int32_t *place = b.index + c.place, *row = b.index + c.row, *line = b.index + s.scale;
  const int32_t* bias = b.biases + c.slot;
  const int8_t* value = b.values + c.value;
  const Rescale rescale{s.start, s.shift, s.low, s.span, s.more_factor};
  const Sums factor = load_sums(b.factors + c.slot);
  const int64_t wide = s.inner * s.length;
  alignas(64) const int8_t none[kLanes] = {};
  for (int64_t outer = 0; outer < s.outer; ++outer)
    for (int64_t at = 0; at < wide; at += kLanes) {
      const int64_t some = std::min<int64_t>(kLanes, wide - at);
      const int8_t* from[kLanes];
      for (int64_t n = 0; n < some; ++n) from[n] = sheet + outer * s.in_outer + line[at + n];
      Sums sums[kLanes];
      int64_t n = 0;
      for (; n + kAtOnce <= some; n += kAtOnce) among<kAtOnce, 1>(value, place, c.places, from + n, bias, sums + n);
      if constexpr (kAtOnce > 4)
        for (; n + 4 <= some; n += 4) among<4, 2>(value, place, c.places, from + n, bias, sums + n);
      for (; n < some; ++n) among<1, 4>(value, place, c.places, from + n, bias, sums + n);
      if (to.logits) {
        alignas(64) int32_t numbers[kLanes];
        for (n = 0; n < std::min(some, to.samples - at); ++n) {
          store_sums(numbers, sums[n]);
          for (int r = 0; r < c.rows; ++r)
            to.logits[(at + n) * to.classes + row[r]] = static_cast<float>(numbers[r]) * b.scales[c.slot + r];
        }
        continue;
      }
      const int8_t* rows[kLanes];
      alignas(64) int8_t levels[kLanes][kLanes], added[kLanes][kLanes], turned[kLanes][kLanes];
      if (s.more >= 0) {
        const int8_t* more = room + s.more + outer * s.more_outer + at;
        for (int r = 0; r < kLanes; ++r) rows[r] = r < c.rows ? more + row[r] * s.more_row : none;
        turn_levels(rows, added);
      }
      for (n = 0; n < some; ++n)
        store_levels(levels[n], sums[n], factor, s.more < 0 ? nullptr : added[n], rescale);
      int8_t* own = to.levels + s.out + outer * s.out_outer + at;
      if (some == 1) {
        for (int r = 0; r < c.rows; ++r) own[row[r] * s.out_row] = levels[0][r];
        continue;
      }
      for (n = 0; n < kLanes; ++n) rows[n] = n < some ? levels[n] : none;
      turn_levels(rows, turned);
      for (int r = 0; r < c.rows; ++r) {
        if (some == kLanes)
          std::memcpy(own + row[r] * s.out_row, turned[r], kLanes);
        else
          std::memcpy(own + row[r] * s.out_row, turned[r], some);
      }
    }
}

}  // namespace seesaw
