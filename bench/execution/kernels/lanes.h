// Vectors of kLanes floats, as the processor holds them: one register of AVX-512, two of AVX2, four of SSE or NEON.
//
// A compiler keeps a vector that is wider than its registers in memory. So a vector is made of parts, one register
// each, and tiles are as large as the registers are many.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace seesaw {

#define SEESAW_UNROLL _Pragma("GCC unroll 16")

constexpr int kLanes = 16;
#if defined(__AVX512F__)
constexpr int kWidth = 16, kRegisters = 32;  // floats in a register, and registers
inline constexpr const char* kVectors = "AVX-512";
#elif defined(__AVX2__)
constexpr int kWidth = 8, kRegisters = 16;
inline constexpr const char* kVectors = "AVX2";
#elif defined(__aarch64__)
constexpr int kWidth = 4, kRegisters = 32;
inline constexpr const char* kVectors = "NEON";
#else
constexpr int kWidth = 4, kRegisters = 16;
inline constexpr const char* kVectors = "128 bits";
#endif
constexpr int kParts = kLanes / kWidth;

typedef float Part __attribute__((vector_size(4 * kWidth), aligned(4)));
typedef int32_t Bits __attribute__((vector_size(4 * kWidth), aligned(4)));

inline Part load_part(const float* from) { return *reinterpret_cast<const Part*>(from); }
inline void store_part(float* to, Part x) { *reinterpret_cast<Part*>(to) = x; }

struct Vec {
  Part part[kParts];

  // A vector of the parts that `make` gives for their numbers.
  template <class Make>
  static inline Vec of(Make make) {
    Vec x;
    SEESAW_UNROLL
    for (int p = 0; p < kParts; ++p) x.part[p] = make(p);
    return x;
  }
};

inline Vec load(const float* from) {
  return Vec::of([&](int p) { return load_part(from + p * kWidth); });
}
inline void store(float* to, const Vec& x) {
  SEESAW_UNROLL
  for (int p = 0; p < kParts; ++p) store_part(to + p * kWidth, x.part[p]);
}
inline Vec all(float x) {
  return Vec::of([&](int) { return Part{} + x; });
}
inline Vec operator+(const Vec& x, const Vec& y) {
  return Vec::of([&](int p) { return x.part[p] + y.part[p]; });
}
inline Vec operator*(const Vec& x, const Vec& y) {
  return Vec::of([&](int p) { return x.part[p] * y.part[p]; });
}
inline Vec operator*(float x, const Vec& y) {
  return Vec::of([&](int p) { return x * y.part[p]; });
}
inline Vec& operator+=(Vec& x, const Vec& y) { return x = x + y; }

inline Vec clamp(const Vec& x, float low, float high) {
  const Part least = Part{} + low, most = Part{} + high;
  return Vec::of([&](int p) {
    Part v = x.part[p];
    v = v < least ? least : v;
    return v > most ? most : v;
  });
}

// Zero where the mask's bits are zero, and else unchanged.
inline Vec masked(const Vec& x, const int32_t* mask) {
  return Vec::of([&](int p) {
    return reinterpret_cast<Part>(reinterpret_cast<Bits>(x.part[p]) &
                                  *reinterpret_cast<const Bits*>(mask + p * kWidth));
  });
}

// from[at[l]] in lane l, without an instruction of the processor's own.
template <class Place>
inline Vec one_by_one(const float* from, const Place* at) {
  return Vec::of([&](int p) {
    Part x;
    SEESAW_UNROLL
    for (int l = 0; l < kWidth; ++l) x[l] = from[at[p * kWidth + l]];
    return x;
  });
}

// from[at[l]] in lane l, of the 2 x kLanes floats from there on.
inline Vec look_up(const float* from, const uint8_t* at) {
#if defined(__AVX512F__)
  __m512i places = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
  return {{(Part)_mm512_permutex2var_ps((__m512)load_part(from), places, (__m512)load_part(from + kLanes))}};
#elif defined(__AVX2__)
  return Vec::of([&](int p) {
    __m256i places = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at + p * kWidth)));
    auto of = [&](int n) { return _mm256_permutevar8x32_ps((__m256)load_part(from + n * kWidth), places); };
    __m256 odd = (__m256)_mm256_slli_epi32(places, 28), far = (__m256)_mm256_slli_epi32(places, 27);
    return (Part)_mm256_blendv_ps(_mm256_blendv_ps(of(0), of(1), odd), _mm256_blendv_ps(of(2), of(3), odd), far);
  });
#else
  return one_by_one(from, at);
#endif
}

// from[at[l]] in lane l.
inline Vec gather(const float* from, const uint16_t* at) {
#if defined(__AVX512F__)
  __m512i places = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
  return {{(Part)_mm512_i32gather_ps(places, from, 4)}};
#elif defined(__AVX2__)
  return Vec::of([&](int p) {
    __m128i places = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + p * kWidth));
    return (Part)_mm256_i32gather_ps(from, _mm256_cvtepu16_epi32(places), 4);
  });
#else
  return one_by_one(from, at);
#endif
}

// Transposes a square of kWidth parts: halves of ever smaller blocks change places.
inline void turn(Part* rows) {
  SEESAW_UNROLL
  for (int half = kWidth / 2; half; half /= 2) {
    Bits low, high;
    SEESAW_UNROLL
    for (int l = 0; l < kWidth; ++l) {
      low[l] = l & half ? (l ^ half) + kWidth : l;
      high[l] = l & half ? l + kWidth : l | half;
    }
    SEESAW_UNROLL
    for (int n = 0; n < kWidth; ++n)
      if (!(n & half)) {
        Part a = rows[n], b = rows[n | half];
        rows[n] = __builtin_shuffle(a, b, low);
        rows[n | half] = __builtin_shuffle(a, b, high);
      }
  }
}

// Writes the transpose of a square of kLanes x kLanes floats; from(n) and to(n) say where its n-th row begins.
template <class From, class To>
inline void transpose(From from, To to) {
  for (int down = 0; down < kLanes; down += kWidth)
    for (int across = 0; across < kLanes; across += kWidth) {
      Part rows[kWidth];
      SEESAW_UNROLL
      for (int n = 0; n < kWidth; ++n) rows[n] = load_part(from(down + n) + across);
      turn(rows);
      SEESAW_UNROLL
      for (int n = 0; n < kWidth; ++n) store_part(to(across + n) + down, rows[n]);
    }
}

// The sums of kWidth parts, one in each lane.
inline Part sums(Part* from) {
  Bits even, odd;
  SEESAW_UNROLL
  for (int l = 0; l < kWidth; ++l) even[l] = 2 * l, odd[l] = 2 * l + 1;
  SEESAW_UNROLL
  for (int left = kWidth / 2; left; left /= 2)
    SEESAW_UNROLL
    for (int n = 0; n < left; ++n)
      from[n] = __builtin_shuffle(from[2 * n], from[2 * n + 1], even) +
                __builtin_shuffle(from[2 * n], from[2 * n + 1], odd);
  return from[0];
}

}  // namespace seesaw
