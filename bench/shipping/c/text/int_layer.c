/* Products of four levels at once (SMLAD) on processors that have Arm's SIMD of 32 bits; 0: C alone, with equal results. */
#ifndef MODEL_SIMD
#if defined(__ARM_FEATURE_SIMD32) && defined(__GNUC__)
#define MODEL_SIMD 1
#else
#define MODEL_SIMD 0
#endif
#endif
#if MODEL_SIMD
#include <arm_acle.h>

/* Four levels, and on to the next ones; in one instruction, where the compiler would keep count of more. */
static uint32_t model_word(const int8_t **from) {
  uint32_t word;
  __asm__ volatile("ldr %0, [%1], #4" : "=r"(word), "+r"(*from) : : "memory");
  return word;
}

static int16x2_t model_even(uint32_t word) { return __sxtb16((int8x4_t)word); }

static int16x2_t model_odd(uint32_t word) {
  int16x2_t odd;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(word));
  return odd;
}
#endif
/* The loops in which the time goes have a function, and so the registers, for themselves. */
#if defined(__GNUC__)
#define MODEL_APART __attribute__((noinline))
#else
#define MODEL_APART
#endif

/* One layer: rows of weighted sums over places of the arena, along positions. */
typedef struct {
  const int8_t *values;          /* weights that exist: group by group, row by row */
  const int32_t *bias, *factors; /* of every row, or one for all (steps of 0) */
  const float *scales;           /* of an exit's logits; null: the results are levels */
  const model_place *rows, *columns, *starts; /* of every group, or once for all (steps of 0) */
  const model_place *offsets;                 /* of every group's gaps; null: one after the other */
  const model_place *order;                   /* numbers of the rows; null: as they come */
  const uint8_t *bytes;                       /* gaps between columns; all null: 1 */
  const model_place *wide;
  uint32_t groups, rows_step, columns_step, starts_step, values_step, bias_step, factors_step;
  uint32_t walks, together; /* all rows one by one; rows of a group from which on their columns are gathered */
  uint32_t outer, inner, length; /* lines, runs in a line, positions in a run */
  uint32_t in_outer, in_inner;
  uint32_t out, out_row, out_outer, out_inner;
  uint32_t adds, more, more_row, more_outer, more_inner;
  int32_t more_factor;
  int64_t start;
  uint32_t shift;
  int32_t low;
  uint32_t span;
} model_int_layer;

/* The sum of a row at a position becomes a level, or a logit: `to` and `more` are the places of row 0 there. */
static void model_give(model_arena *arena, const model_int_layer *s, uint32_t row, uint32_t to, uint32_t more,
                       int32_t sum) {
  int64_t scaled;
  sum += s->bias[row * s->bias_step];
  if (s->scales) {
    arena->logits[row] = (float)sum * s->scales[row];
    return;
  }
  scaled = s->start + (int64_t)sum * s->factors[row * s->factors_step];
  if (s->adds)
    scaled += (int64_t)(arena->numbers[more + row * s->more_row] * 256) * s->more_factor;
  arena->numbers[to + row * s->out_row] = model_scaled(scaled, s->shift, s->low, s->span);
}

/* The columns of a group at one position, side by side. */
MODEL_APART static void model_gather(int8_t *to, const int8_t *x, const model_int_layer *s, uint32_t columns,
                                     uint32_t offset) {
  uint32_t k;
  *to++ = *x;
  if (s->bytes) {
    const uint8_t *gap = s->bytes + offset;
    for (k = 1; k < columns; k++) {
      x += *gap++;
      *to++ = *x;
    }
  } else {
    const model_place *gap = s->wide + offset;
    for (k = 1; k < columns; k++) {
      x += *gap++;
      *to++ = *x;
    }
  }
}

MODEL_APART static int32_t model_dot(const int8_t *x, const int8_t *values, uint32_t columns) {
  int32_t sum = 0;
#if MODEL_SIMD
  for (; columns >= 4; columns -= 4) {
    const uint32_t a = model_word(&x), b = model_word(&values);
    sum = __smlad(model_even(a), model_even(b), sum);
    sum = __smlad(model_odd(a), model_odd(b), sum);
  }
#endif
  for (; columns; columns--) sum += *values++ * *x++;
  return sum;
}

/* Four rows together, in turn of the values' rows. */
MODEL_APART static void model_dots(int32_t sums[4], const int8_t *x, const int8_t *first, uint32_t columns) {
  const int8_t *second = first + columns, *third = second + columns, *fourth = third + columns;
  int32_t a = 0, b = 0, c = 0, d = 0;
#if MODEL_SIMD
  for (; columns >= 4; columns -= 4) {
    const uint32_t word = model_word(&x);
    const int16x2_t even = model_even(word), odd = model_odd(word);
    uint32_t row = model_word(&first);
    a = __smlad(odd, model_odd(row), __smlad(even, model_even(row), a));
    row = model_word(&second);
    b = __smlad(odd, model_odd(row), __smlad(even, model_even(row), b));
    row = model_word(&third);
    c = __smlad(odd, model_odd(row), __smlad(even, model_even(row), c));
    row = model_word(&fourth);
    d = __smlad(odd, model_odd(row), __smlad(even, model_even(row), d));
  }
#endif
  for (; columns; columns--) {
    const int32_t one = *x++;
    a += one * *first++;
    b += one * *second++;
    c += one * *third++;
    d += one * *fourth++;
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

/* All rows of a group at every position. */
MODEL_APART static void model_together(model_arena *arena, const model_int_layer *s, const int8_t *values, uint32_t first,
                           uint32_t rows, uint32_t columns, uint32_t start, uint32_t offset) {
  const int gapped = s->bytes || s->wide;
  uint32_t o, i, l, r, n;
  int32_t sums[4];
  for (o = 0; o < s->outer; o++)
    for (i = 0; i < s->inner; i++)
      for (l = 0; l < s->length; l++) {
        const int8_t *x = arena->numbers + start + o * s->in_outer + i * s->in_inner + l;
        const uint32_t to = s->out + o * s->out_outer + i * s->out_inner + l;
        const uint32_t more = s->more + o * s->more_outer + i * s->more_inner + l;
        if (gapped && columns) {
          model_gather(arena->scratch, x, s, columns, offset);
          x = arena->scratch;
        }
        for (r = 0; r + 4 <= rows; r += 4) {
          model_dots(sums, x, values + r * columns, columns);
          for (n = r; n < r + 4; n++)
            model_give(arena, s, s->order ? s->order[first + n] : first + n, to, more, sums[n - r]);
        }
        for (; r < rows; r++)
          model_give(arena, s, s->order ? s->order[first + r] : first + r, to, more,
                     model_dot(x, values + r * columns, columns));
      }
}

/* One row, four positions at once, from weight to weight. */
MODEL_APART static void model_walk(model_arena *arena, const model_int_layer *s, const int8_t *values, uint32_t row,
                       uint32_t columns, uint32_t start, uint32_t offset) {
  const uint32_t step = s->values_step;
  uint32_t o, i, l, k;
  for (o = 0; o < s->outer; o++)
    for (i = 0; i < s->inner; i++) {
      const uint32_t to = s->out + o * s->out_outer + i * s->out_inner;
      const uint32_t more = s->more + o * s->more_outer + i * s->more_inner;
      for (l = 0; l + 4 <= s->length; l += 4) {
        const int8_t *x = arena->numbers + start + o * s->in_outer + i * s->in_inner + l, *value = values;
        int32_t a = 0, b = 0, c = 0, d = 0;
        for (k = 0; k < columns; k++) {
          if (k) x += s->bytes ? s->bytes[offset + k - 1] : s->wide ? s->wide[offset + k - 1] : 1u;
          a += *value * x[0];
          b += *value * x[1];
          c += *value * x[2];
          d += *value * x[3];
          value += step;
        }
        model_give(arena, s, row, to + l, more + l, a);
        model_give(arena, s, row, to + l + 1, more + l + 1, b);
        model_give(arena, s, row, to + l + 2, more + l + 2, c);
        model_give(arena, s, row, to + l + 3, more + l + 3, d);
      }
      for (; l < s->length; l++) {
        const int8_t *x = arena->numbers + start + o * s->in_outer + i * s->in_inner + l, *value = values;
        int32_t sum = 0;
        for (k = 0; k < columns; k++) {
          if (k) x += s->bytes ? s->bytes[offset + k - 1] : s->wide ? s->wide[offset + k - 1] : 1u;
          sum += *value * *x;
          value += step;
        }
        model_give(arena, s, row, to + l, more + l, sum);
      }
    }
}

static void model_affine(model_arena *arena, const model_int_layer *s) {
  const int8_t *values = s->values;
  const int gapped = s->bytes || s->wide;
  uint32_t group, r, row = 0, next = 0;
  for (group = 0; group < s->groups; group++) {
    const uint32_t rows = s->rows[group * s->rows_step];
    const uint32_t columns = s->columns[group * s->columns_step];
    const uint32_t start = s->starts[group * s->starts_step];
    const uint32_t offset = s->offsets ? s->offsets[group] : next;
    if (!s->walks && (!gapped || rows >= s->together)) {
      model_together(arena, s, values, row, rows, columns, start, offset);
      values += rows * columns;
      row += rows;
    } else
      for (r = 0; r < rows; r++, row++) {
        model_walk(arena, s, values, s->order ? s->order[row] : row, columns, start, offset);
        values += columns * s->values_step;
      }
    next += columns ? columns - 1 : 0;
  }
}
