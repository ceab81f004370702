/* Several products at once, with the results of C alone: by SMLAD on processors that have Arm's SIMD of 32 bits, and by Helium
   on those that have its vectors. -DMODEL_SIMD=0 leaves both out, -DMODEL_MVE=0 Helium. */
#ifndef MODEL_SIMD
#if defined(__ARM_FEATURE_SIMD32) && defined(__GNUC__)
#define MODEL_SIMD 1
#else
#define MODEL_SIMD 0
#endif
#endif
#ifndef MODEL_MVE
#if MODEL_SIMD && defined(__ARM_FEATURE_MVE)
#define MODEL_MVE 1
#else
#define MODEL_MVE 0
#endif
#endif
/* The loops in which the time goes have a function, and so the registers, for themselves; what all of them share has none. */
#if defined(__GNUC__)
#define MODEL_APART __attribute__((noinline))
#define MODEL_WITHIN inline __attribute__((always_inline))
#else
#define MODEL_APART
#define MODEL_WITHIN inline
#endif
#if MODEL_SIMD
#include <arm_acle.h>

/* Four bytes, or two numbers of 16 bits, and on to the next ones; in one instruction, where the compiler would keep count of more. */
#define MODEL_TAKE(word, from) __asm__ volatile("ldr %0, [%1], #4" : "=r"(word), "+r"(from) : : "memory")

/* On by a byte of a word: the lowest, and those above it. */
#define MODEL_ON(x, word, turned) __asm__("uxtab %0, %0, %1" turned : "+r"(x) : "r"(word))

static MODEL_WITHIN int16x2_t model_even(uint32_t word) { return __sxtb16((int8x4_t)word); }

static MODEL_WITHIN int16x2_t model_odd(uint32_t word) {
  int16x2_t odd;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(word));
  return odd;
}
#endif
/* Weights in pairs, in place of those of 8 bits. */
#define MODEL_PAIRS MODEL_SIMD
#if MODEL_PAIRS
#define MODEL_ELSE(values, pairs) pairs
#else
#define MODEL_ELSE(values, pairs) values
#endif
/* A loop whose turns are known is written out. */
#if defined(__GNUC__) && !defined(__clang__)
#define MODEL_OUT _Pragma("GCC unroll 8")
#else
#define MODEL_OUT
#endif
#if MODEL_MVE
#include <arm_mve.h>

/* A sum and the products of two rows of levels, 16 at once. */
static MODEL_WITHIN int32_t model_vector(int32_t sum, const int8_t *x, const int8_t *values, uint32_t columns) {
  for (; columns >= 16; columns -= 16) {
    sum = vmladavaq_s8(sum, vldrbq_s8(x), vldrbq_s8(values));
    x += 16, values += 16;
  }
  if (columns) {
    const mve_pred16_t some = vctp8q(columns);
    sum = vmladavaq_p_s8(sum, vldrbq_z_s8(x, some), vldrbq_z_s8(values, some), some);
  }
  return sum;
}
#endif

/* One layer: rows of weighted sums over places of the arena, along positions. */
typedef struct {
  const int8_t *values;          /* weights that exist: group by group, row by row */
  const uint32_t *pairs;         /* the same in another form, and null the other: see model_image */
  const int32_t *turns;          /* bias and factor of every row, or of all (a step of 0) */
  const float *scales;           /* of an exit's logits; null: the results are levels */
  const model_place *rows, *columns, *starts; /* of every group, or once for all (steps of 0) */
  const model_place *offsets;                 /* of every group's gaps; null: one after the other */
  const model_place *order;                   /* numbers of the rows; null: as they come */
  const uint8_t *bytes; /* gaps before the columns, or their runs, 0 before the first; all null: columns follow one another */
  const model_place *wide;
  const uint8_t *halves; /* gaps of half a byte: see model_halves */
  const model_place *window; /* the result is the largest of so many sums, so far from the first; null: it is the sum */
  const model_place *laid, *taps, *fours, *members, *blocks; /* of a layer whose columns are laid out: see model_image */
  uint32_t groups, rows_step, columns_step, starts_step, offsets_step, turns_step;
  uint32_t run; /* columns that follow one another behind every gap, of a layer with one position */
  uint32_t repeats, apart; /* of a layer of means: see model_means */
  uint32_t held, ring; /* of inputs that are read around: see model_rings */
  uint32_t hop; /* blocks from a row to the next one; 0: the rows of a group have the same */
  uint32_t form; /* of MODEL_FORMS, in which its rows are computed; 0: in none of them */
  uint32_t sheets, laid_step, taps_step, fours_step, members_step;
  uint32_t outer, inner, windows; /* lines, positions in a line, sums at a position */
  uint32_t in_outer, in_inner;
  uint32_t out, out_row, out_outer, out_inner;
  uint32_t adds, more, more_row, more_outer, more_inner;
  int32_t more_factor;
  int64_t start;
  uint32_t shift;
  int32_t low;
  uint32_t span;
} model_int_layer;

/* Columns of a group's rows: how many, and their gaps. */
typedef struct {
  const uint8_t *bytes;
  const model_place *wide;
  uint32_t count;
} model_columns;

enum { MODEL_STRAIGHT, MODEL_BY_BYTES, MODEL_BY_PLACES };

/* On to the next column: before its number is read, or behind it where columns follow one another. */
static MODEL_WITHIN void model_before(const int8_t **x, model_columns *c, int kind) {
  if (kind == MODEL_BY_BYTES) *x += *c->bytes++;
  if (kind == MODEL_BY_PLACES) *x += *c->wide++;
}

static MODEL_WITHIN void model_behind(const int8_t **x, int kind) {
  if (kind == MODEL_STRAIGHT) ++*x;
}
