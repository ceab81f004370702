// Levels: whole numbers of eight bits from -127 to 127, 16 of them at once, and their sums of products.
//
// Everything is exact: sums are int32, and become levels as bench/execution/int8/levels.py has it,
//   low + min(max(start + sum * factor, 0) >> shift, span)   in int64.
// Four places are multiplied and added up by one instruction (AVX-512 VNNI), by two (AVX2: products of an absolute value
// and a value with the other's sign fit 16 bits two at a time, since no level is -128), or one after the other.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "lanes.h"

namespace seesaw {

// How sums of a row become levels.
struct Rescale {
  int64_t start, shift, low, span, more;  // more: the factor of levels that are added, times 2^8; 0 where none are
};

#if defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)

inline constexpr const char* kWhole = "AVX-512 VNNI";
constexpr int kBeside = 16;   // rows whose sums are in registers together
constexpr int kOffset = 128;  // what is added to levels, so that they have no sign

struct Sums {
  __m512i own;
};
using Quads = __m512i;  // four levels for each of 16 lanes

inline Sums all_sums(int32_t x) { return {_mm512_set1_epi32(x)}; }
inline Sums load_sums(const int32_t* from) { return {_mm512_loadu_si512(from)}; }
inline void store_sums(int32_t* to, const Sums& x) { _mm512_storeu_si512(to, x.own); }
inline Quads with_offset(Quads x) { return _mm512_xor_si512(x, _mm512_set1_epi8(-128)); }
inline Quads load_quads(const int8_t* from) { return _mm512_loadu_si512(from); }
inline Quads all_quads(const int8_t* from) {
  int32_t four;
  std::memcpy(&four, from, 4);
  return _mm512_set1_epi32(four);
}
// x has its offset, w has none.
inline void add_products(Sums& sum, Quads x, Quads w) { sum.own = _mm512_dpbusd_epi32(sum.own, x, w); }
inline void add_sums(Sums& sum, const Sums& other) { sum.own = _mm512_add_epi32(sum.own, other.own); }
// Where 64 levels lie among the kWindow that a look-up chooses from; best it begins at a multiple of kAligned.
#if defined(__AVX512VBMI__)
constexpr int kWindow = 64, kAligned = 16;  // twice the window is looked up in three times the time
struct Places {
  __m512i own;
};
inline Places load_places(const int8_t* at) { return {_mm512_loadu_si512(at)}; }
inline Quads look_up(const int8_t* from, const Places& at) {
  return _mm512_permutexvar_epi8(at.own, _mm512_loadu_si512(from));
}
#else
constexpr int kWindow = 32, kAligned = 1;
struct Places {  // among the first 16 and the other 16; a place with its highest bit set gives zero
  __m512i low, high;
};
inline Places load_places(const int8_t* at) {
  __m512i x = _mm512_loadu_si512(at);
  return {_mm512_add_epi8(x, _mm512_set1_epi8(0x70)), _mm512_sub_epi8(x, _mm512_set1_epi8(16))};
}
inline Quads look_up(const int8_t* from, const Places& at) {
  auto of = [&](int n) { return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + n))); };
  return _mm512_or_si512(_mm512_shuffle_epi8(of(0), at.low), _mm512_shuffle_epi8(of(16), at.high));
}
#endif
constexpr int kAtOnce = 8;  // positions whose look-ups share their values

inline Quads joined(__m128i a, __m128i b, __m128i c, __m128i d) {
  __m512i x = _mm512_inserti32x4(_mm512_castsi128_si512(a), b, 1);
  return _mm512_inserti32x4(_mm512_inserti32x4(x, c, 2), d, 3);
}

// 16 levels of sums, times factors (one for each), and of 16 levels that are added. Products of even lanes and of odd ones are
// computed apart, in 64 bits; a shift is 32 bits at least, so that of an odd lane it leaves what its own 32 bits hold.
inline void store_levels(int8_t* to, const Sums& sum, const Sums& factor, const int8_t* more, const Rescale& r) {
  auto odd = [](__m512i x) { return _mm512_srli_epi64(x, 32); };
  __m512i x = _mm512_mul_epi32(sum.own, factor.own), y = _mm512_mul_epi32(odd(sum.own), odd(factor.own));
  if (more) {
    __m512i added = _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(more)));
    const __m512i times = _mm512_set1_epi64(r.more);
    x = _mm512_add_epi64(x, _mm512_slli_epi64(_mm512_mul_epi32(added, times), 8));
    y = _mm512_add_epi64(y, _mm512_slli_epi64(_mm512_mul_epi32(odd(added), times), 8));
  }
  auto steps = [&](__m512i own, int64_t shift) {
    own = _mm512_max_epi64(_mm512_add_epi64(own, _mm512_set1_epi64(r.start)), _mm512_setzero_si512());
    return _mm512_srl_epi64(own, _mm_cvtsi64_si128(shift));
  };
  x = _mm512_mask_blend_epi32(0xAAAA, steps(x, r.shift), steps(y, r.shift - 32));
  x = _mm512_add_epi32(_mm512_min_epi32(x, _mm512_set1_epi32(r.span)), _mm512_set1_epi32(r.low));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(x));
}

#elif defined(__AVX2__)

inline constexpr const char* kWhole = "AVX2";
constexpr int kBeside = 4, kOffset = 0;

struct Sums {
  __m256i own[2];
};
struct Quads {
  __m256i own[2];
};

inline Sums all_sums(int32_t x) { return {{_mm256_set1_epi32(x), _mm256_set1_epi32(x)}}; }
inline __m256i load_half(const void* from, int h) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from) + h);
}
inline Sums load_sums(const int32_t* from) { return {{load_half(from, 0), load_half(from, 1)}}; }
inline void store_sums(int32_t* to, const Sums& x) {
  for (int h = 0; h < 2; ++h) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to) + h, x.own[h]);
}
inline Quads with_offset(const Quads& x) { return x; }
inline Quads load_quads(const int8_t* from) { return {{load_half(from, 0), load_half(from, 1)}}; }
inline Quads all_quads(const int8_t* from) {
  int32_t four;
  std::memcpy(&four, from, 4);
  return {{_mm256_set1_epi32(four), _mm256_set1_epi32(four)}};
}
inline void add_products(Sums& sum, const Quads& x, const Quads& w) {
  for (int h = 0; h < 2; ++h) {
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x.own[h]), _mm256_sign_epi8(w.own[h], x.own[h]));
    sum.own[h] = _mm256_add_epi32(sum.own[h], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
}
inline void add_sums(Sums& sum, const Sums& other) {
  for (int h = 0; h < 2; ++h) sum.own[h] = _mm256_add_epi32(sum.own[h], other.own[h]);
}
constexpr int kWindow = 32, kAligned = 1;
constexpr int kAtOnce = 2;
struct Places {  // as with AVX-512, in two halves
  __m256i low[2], high[2];
};
inline Places load_places(const int8_t* at) {
  Places places;
  for (int h = 0; h < 2; ++h) {
    places.low[h] = _mm256_add_epi8(load_half(at, h), _mm256_set1_epi8(0x70));
    places.high[h] = _mm256_sub_epi8(load_half(at, h), _mm256_set1_epi8(16));
  }
  return places;
}
inline Quads look_up(const int8_t* from, const Places& at) {
  auto of = [&](int n) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + n)));
  };
  __m256i first = of(0), second = of(16);
  Quads x;
  for (int h = 0; h < 2; ++h)
    x.own[h] = _mm256_or_si256(_mm256_shuffle_epi8(first, at.low[h]), _mm256_shuffle_epi8(second, at.high[h]));
  return x;
}

inline Quads joined(__m128i a, __m128i b, __m128i c, __m128i d) {
  return {{_mm256_set_m128i(b, a), _mm256_set_m128i(d, c)}};
}

// Levels of four sums as int32.
inline __m128i four_levels(__m128i sums, __m128i factors, __m256i more, const Rescale& r) {
  __m256i x = _mm256_mul_epi32(_mm256_cvtepi32_epi64(sums), _mm256_cvtepi32_epi64(factors));
  x = _mm256_add_epi64(_mm256_add_epi64(x, more), _mm256_set1_epi64x(r.start));
  x = _mm256_and_si256(x, _mm256_cmpgt_epi64(x, _mm256_setzero_si256()));
  x = _mm256_srl_epi64(x, _mm_cvtsi64_si128(r.shift));
  x = _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
  __m128i steps = _mm_min_epi32(_mm256_castsi256_si128(x), _mm_set1_epi32(r.span));
  return _mm_add_epi32(steps, _mm_set1_epi32(r.low));
}

inline void store_levels(int8_t* to, const Sums& sum, const Sums& factor, const int8_t* more, const Rescale& r) {
  __m128i four[4];
  for (int q = 0; q < 4; ++q) {
    auto of = [&](const Sums& x) {
      return q % 2 ? _mm256_extracti128_si256(x.own[q / 2], 1) : _mm256_castsi256_si128(x.own[q / 2]);
    };
    __m256i added = _mm256_setzero_si256();
    if (more) {
      auto at = [&](int l) { return int64_t(more[4 * q + l]) * (r.more << 8); };
      added = _mm256_setr_epi64x(at(0), at(1), at(2), at(3));
    }
    four[q] = four_levels(of(sum), of(factor), added, r);
  }
  __m128i levels = _mm_packs_epi16(_mm_packs_epi32(four[0], four[1]), _mm_packs_epi32(four[2], four[3]));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), levels);
}

#else

inline constexpr const char* kWhole = "one by one";
constexpr int kBeside = 4, kOffset = 0;

struct Sums {
  int32_t own[kLanes];
};
struct Quads {
  int8_t own[4 * kLanes];
};

inline Sums load_sums(const int32_t* from) {
  Sums x;
  std::copy_n(from, kLanes, x.own);
  return x;
}
inline Sums all_sums(int32_t x) {
  Sums sums;
  std::fill_n(sums.own, kLanes, x);
  return sums;
}
inline void store_sums(int32_t* to, const Sums& x) { std::copy_n(x.own, kLanes, to); }
inline Quads with_offset(const Quads& x) { return x; }
inline Quads load_quads(const int8_t* from) {
  Quads x;
  std::copy_n(from, 4 * kLanes, x.own);
  return x;
}
inline Quads all_quads(const int8_t* from) {
  Quads x;
  for (int l = 0; l < kLanes; ++l) std::copy_n(from, 4, x.own + 4 * l);
  return x;
}
constexpr int kWindow = 256, kAligned = 1;
constexpr int kAtOnce = 1;
struct Places {
  const int8_t* own;
};
inline Places load_places(const int8_t* at) { return {at}; }
inline Quads look_up(const int8_t* from, const Places& at) {
  Quads x;
  for (int l = 0; l < 4 * kLanes; ++l) x.own[l] = from[static_cast<uint8_t>(at.own[l])];
  return x;
}
inline void add_products(Sums& sum, const Quads& x, const Quads& w) {
  for (int l = 0; l < kLanes; ++l)
    for (int k = 0; k < 4; ++k) sum.own[l] += int32_t(x.own[4 * l + k]) * w.own[4 * l + k];
}
inline void add_sums(Sums& sum, const Sums& other) {
  for (int l = 0; l < kLanes; ++l) sum.own[l] += other.own[l];
}
inline void store_levels(int8_t* to, const Sums& sum, const Sums& factor, const int8_t* more, const Rescale& r) {
  for (int l = 0; l < kLanes; ++l) {
    int64_t x = r.start + int64_t(sum.own[l]) * factor.own[l] + (more ? int64_t(more[l]) * (r.more << 8) : 0);
    to[l] = static_cast<int8_t>(r.low + std::min<int64_t>(std::max<int64_t>(x, 0) >> r.shift, r.span));
  }
}

#endif

// The levels of four places, side by side for each of the 16 lanes from there on.
inline Quads beside(const int8_t* a, const int8_t* b, const int8_t* c, const int8_t* d) {
#if defined(__AVX2__)
  auto at = [](const int8_t* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); };
  __m128i x = at(a), y = at(b), z = at(c), w = at(d);
  __m128i low = _mm_unpacklo_epi8(x, y), high = _mm_unpackhi_epi8(x, y);
  __m128i more_low = _mm_unpacklo_epi8(z, w), more_high = _mm_unpackhi_epi8(z, w);
  return joined(_mm_unpacklo_epi16(low, more_low), _mm_unpackhi_epi16(low, more_low),
                _mm_unpacklo_epi16(high, more_high), _mm_unpackhi_epi16(high, more_high));
#else
  Quads x;
  for (int l = 0; l < kLanes; ++l)
    x.own[4 * l] = a[l], x.own[4 * l + 1] = b[l], x.own[4 * l + 2] = c[l], x.own[4 * l + 3] = d[l];
  return x;
#endif
}

}  // namespace seesaw
