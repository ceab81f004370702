// Rows that read places of their own, 16 side by side: at every step each row looks four of its numbers up among the kWindow
// that follow one another from the step's place on (bench/execution/int8/windows.py chooses the steps), and one instruction
// multiplies and adds all 64. An index is a byte, as a value is.
//
// For that the numbers lie in a sheet: sample by sample and pixel by pixel, all channels of one side by side. So a step serves
// every position of a convolution, and every sample.

#pragma once

#include "levels.h"

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

}  // namespace seesaw
