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

/* Four bytes, or two numbers of 16 bits, and on to the next ones; in one instruction, where the compiler would keep count of more. */
#define MODEL_TAKE(word, from) __asm__ volatile("ldr %0, [%1], #4" : "=r"(word), "+r"(from) : : "memory")

/* On by a byte of a word: the lowest, and those above it. */
#define MODEL_ON(x, word, turned) __asm__("uxtab %0, %0, %1" turned : "+r"(x) : "r"(word))

static int16x2_t model_even(uint32_t word) { return __sxtb16((int8x4_t)word); }

static int16x2_t model_odd(uint32_t word) {
  int16x2_t odd;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(word));
  return odd;
}
#endif
/* The loops in which the time goes have a function, and so the registers, for themselves; what all of them share has none. */
#if defined(__GNUC__)
#define MODEL_APART __attribute__((noinline))
#define MODEL_WITHIN inline __attribute__((always_inline))
#else
#define MODEL_APART
#define MODEL_WITHIN inline
#endif

/* One layer: rows of weighted sums over places of the arena, along positions. */
typedef struct {
  const int8_t *values;          /* weights that exist: group by group, row by row */
  const int32_t *bias, *factors; /* of every row, or one for all (steps of 0) */
  const float *scales;           /* of an exit's logits; null: the results are levels */
  const model_place *rows, *columns, *starts; /* of every group, or once for all (steps of 0) */
  const model_place *offsets;                 /* of every group's gaps; null: one after the other */
  const model_place *order;                   /* numbers of the rows; null: as they come */
  const uint8_t *bytes;                       /* gaps before the columns, 0 before the first; all null: 1 */
  const model_place *wide;
  const model_place *window; /* the result is the largest of so many sums, so far from the first; null: it is the sum */
  uint32_t groups, rows_step, columns_step, starts_step, bias_step, factors_step;
  uint32_t alike; /* one weight for all rows, each with columns of its own, at one position */
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

static uint32_t model_row_of(const model_int_layer *s, uint32_t row) { return s->order ? s->order[row] : row; }

/* Sums of a group's rows at one position become levels; nothing is added to them. */
MODEL_APART static void model_give_all(model_arena *arena, const model_int_layer *s, uint32_t first, uint32_t rows,
                                       uint32_t to, const int32_t *sums) {
  const uint32_t shift = s->shift, span = s->span, next = s->out_row, b = s->bias_step, f = s->factors_step;
  const int32_t *bias = s->bias + first * b, *factors = s->factors + first * f, low = s->low;
  const int64_t start = s->start;
  int8_t *place = arena->numbers + to + first * next;
  for (; rows; rows--) {
    *place = model_scaled(start + (int64_t)(*sums++ + *bias) * *factors, shift, low, span);
    bias += b, factors += f, place += next;
  }
}

/* The columns of a group at one position, side by side. */
static MODEL_WITHIN void model_gather_by(int8_t *to, const int8_t *x, model_columns c, int kind) {
  for (; c.count; c.count--) {
    model_before(&x, &c, kind);
    *to++ = *x;
  }
}

MODEL_APART static void model_gather(int8_t *to, const int8_t *x, model_columns c) {
  if (MODEL_BYTES && c.bytes) model_gather_by(to, x, c, MODEL_BY_BYTES);
  else if (MODEL_WIDE) model_gather_by(to, x, c, MODEL_BY_PLACES);
}

/* The columns of a group at two positions that lie `apart`: four columns of one, then of the other, in the order in which
   `model_square` takes them; then what is left over, in pairs. */
static MODEL_WITHIN void model_beside_by(int16_t *to, const int8_t *x, uint32_t apart, model_columns c, int kind) {
  for (; c.count >= 4; c.count -= 4) {
    model_before(&x, &c, kind);
    to[0] = x[0], to[4] = x[apart];
    model_behind(&x, kind);
    model_before(&x, &c, kind);
    to[2] = x[0], to[6] = x[apart];
    model_behind(&x, kind);
    model_before(&x, &c, kind);
    to[1] = x[0], to[5] = x[apart];
    model_behind(&x, kind);
    model_before(&x, &c, kind);
    to[3] = x[0], to[7] = x[apart];
    model_behind(&x, kind);
    to += 8;
  }
  for (; c.count; c.count--) {
    model_before(&x, &c, kind);
    *to++ = x[0];
    *to++ = x[apart];
    model_behind(&x, kind);
  }
}

MODEL_APART static void model_beside(int16_t *to, const int8_t *x, uint32_t apart, model_columns c) {
  if (MODEL_BYTES && c.bytes) model_beside_by(to, x, apart, c, MODEL_BY_BYTES);
  else if (MODEL_WIDE && c.wide) model_beside_by(to, x, apart, c, MODEL_BY_PLACES);
  else model_beside_by(to, x, apart, c, MODEL_STRAIGHT);
}

/* Two rows at the two positions: the first row's sums, then the second's. The rows go on to their ends. */
static MODEL_WITHIN void model_square(int32_t sums[4], const int16_t *x, const int8_t **rows, const int8_t **others,
                                      uint32_t columns) {
  const int8_t *first = *rows, *second = *others;
  int32_t a = 0, b = 0, c = 0, d = 0;
  uint32_t turns;
  for (turns = columns / 4; turns; turns--) {
#if MODEL_SIMD
    int16x2_t two, even, odd, even2, odd2;
    uint32_t row;
    MODEL_TAKE(row, first);
    even = model_even(row), odd = model_odd(row);
    MODEL_TAKE(row, second);
    even2 = model_even(row), odd2 = model_odd(row);
    MODEL_TAKE(two, x);
    a = __smlad(two, even, a);
    c = __smlad(two, even2, c);
    MODEL_TAKE(two, x);
    a = __smlad(two, odd, a);
    c = __smlad(two, odd2, c);
    MODEL_TAKE(two, x);
    b = __smlad(two, even, b);
    d = __smlad(two, even2, d);
    MODEL_TAKE(two, x);
    b = __smlad(two, odd, b);
    d = __smlad(two, odd2, d);
#else
    a += x[0] * first[0] + x[2] * first[1] + x[1] * first[2] + x[3] * first[3];
    b += x[4] * first[0] + x[6] * first[1] + x[5] * first[2] + x[7] * first[3];
    c += x[0] * second[0] + x[2] * second[1] + x[1] * second[2] + x[3] * second[3];
    d += x[4] * second[0] + x[6] * second[1] + x[5] * second[2] + x[7] * second[3];
    x += 8, first += 4, second += 4;
#endif
  }
  for (turns = columns % 4; turns; turns--) {
    a += x[0] * *first;
    b += x[1] * *first++;
    c += x[0] * *second;
    d += x[1] * *second++;
    x += 2;
  }
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
  *rows = first, *others = second;
}

MODEL_APART static void model_pair(int32_t sums[4], const int16_t *x, const int8_t *row, uint32_t next,
                                   uint32_t columns) {
  const int8_t *other = row + next;
  model_square(sums, x, &row, &other, columns);
}

/* The largest sums of a group's rows so far, after the two positions. */
MODEL_APART static void model_tops(int32_t *top, const int16_t *x, const int8_t *row, uint32_t rows, uint32_t columns) {
  int32_t sums[4];
  for (; rows > 1; rows -= 2) {
    const int8_t *other = row + columns;
    model_square(sums, x, &row, &other, columns);
    row = other;
    if (sums[1] > sums[0]) sums[0] = sums[1];
    if (sums[0] > *top) *top = sums[0];
    top++;
    if (sums[3] > sums[2]) sums[2] = sums[3];
    if (sums[2] > *top) *top = sums[2];
    top++;
  }
  if (rows) {
    model_pair(sums, x, row, 0, columns);
    if (sums[1] > sums[0]) sums[0] = sums[1];
    if (sums[0] > *top) *top = sums[0];
  }
}

MODEL_APART static int32_t model_dot(const int8_t *x, const int8_t *values, uint32_t columns) {
  int32_t sum = 0;
#if MODEL_SIMD
  uint32_t turns;
  for (turns = columns / 4; turns; turns--) {
    uint32_t a, b;
    MODEL_TAKE(a, x);
    MODEL_TAKE(b, values);
    sum = __smlad(model_even(a), model_even(b), sum);
    sum = __smlad(model_odd(a), model_odd(b), sum);
  }
  columns %= 4;
#endif
  for (; columns; columns--) sum += *values++ * *x++;
  return sum;
}

/* Four rows together, in turn of the values' rows. */
MODEL_APART static void model_dots(int32_t sums[4], const int8_t *x, const int8_t *first, uint32_t columns) {
  const int8_t *second = first + columns, *third = second + columns, *fourth = third + columns;
  int32_t a = 0, b = 0, c = 0, d = 0;
#if MODEL_SIMD
  uint32_t turns;
  for (turns = columns / 4; turns; turns--) {
    int16x2_t even, odd;
    uint32_t row;
    MODEL_TAKE(row, x);
    even = model_even(row), odd = model_odd(row);
    MODEL_TAKE(row, first);
    a = __smlad(odd, model_odd(row), __smlad(even, model_even(row), a));
    MODEL_TAKE(row, second);
    b = __smlad(odd, model_odd(row), __smlad(even, model_even(row), b));
    MODEL_TAKE(row, third);
    c = __smlad(odd, model_odd(row), __smlad(even, model_even(row), c));
    MODEL_TAKE(row, fourth);
    d = __smlad(odd, model_odd(row), __smlad(even, model_even(row), d));
  }
  columns %= 4;
#endif
  for (; columns; columns--) {
    const int32_t one = *x++;
    a += one * *first++;
    b += one * *second++;
    c += one * *third++;
    d += one * *fourth++;
  }
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

/* One row at one position, from weight to weight. */
static MODEL_WITHIN int32_t model_one_by(const int8_t *x, const int8_t *values, model_columns c, int kind) {
  int32_t sum = 0;
#if MODEL_SIMD
  if (kind == MODEL_BY_BYTES) {
    const int8_t *gaps = (const int8_t *)c.bytes;
    uint32_t turns;
    for (turns = c.count / 4; turns; turns--) {
      int16x2_t even, odd;
      uint32_t four, row;
      MODEL_TAKE(four, gaps);
      MODEL_TAKE(row, values);
      even = model_even(row), odd = model_odd(row);
      MODEL_ON(x, four, "");
      sum = __smlabb(*x, even, sum);
      MODEL_ON(x, four, ", ror #8");
      sum = __smlabb(*x, odd, sum);
      MODEL_ON(x, four, ", ror #16");
      sum = __smlabt(*x, even, sum);
      MODEL_ON(x, four, ", ror #24");
      sum = __smlabt(*x, odd, sum);
    }
    c.count %= 4;
    c.bytes = (const uint8_t *)gaps;
  }
#endif
  for (; c.count; c.count--) {
    model_before(&x, &c, kind);
    sum += *values++ * *x;
    model_behind(&x, kind);
  }
  return sum;
}

MODEL_APART static int32_t model_one(const int8_t *x, const int8_t *values, model_columns c) {
  if (MODEL_BYTES && c.bytes) return model_one_by(x, values, c, MODEL_BY_BYTES);
  if (MODEL_WIDE && c.wide) return model_one_by(x, values, c, MODEL_BY_PLACES);
  return model_dot(x, values, c.count);
}

/* The same where all weights are one number. */
static MODEL_WITHIN int32_t model_alike_by(const int8_t *x, model_columns c, int kind) {
  int32_t sum = 0;
  for (; c.count; c.count--) {
    model_before(&x, &c, kind);
    sum += *x;
    model_behind(&x, kind);
  }
  return sum;
}

MODEL_APART static int32_t model_alike(const int8_t *x, model_columns c) {
  if (MODEL_BYTES && c.bytes) return model_alike_by(x, c, MODEL_BY_BYTES);
  if (MODEL_WIDE && c.wide) return model_alike_by(x, c, MODEL_BY_PLACES);
  return model_alike_by(x, c, MODEL_STRAIGHT);
}

/* One row at four positions, so far from the first, from weight to weight. */
static MODEL_WITHIN void model_four_by(int32_t sums[4], const int8_t *x, const uint32_t apart[3], const int8_t *values,
                                       model_columns k, int kind) {
  const uint32_t p = apart[0], q = apart[1], r = apart[2];
  int32_t a = 0, b = 0, c = 0, d = 0;
  for (; k.count; k.count--) {
    const int32_t value = *values++;
    model_before(&x, &k, kind);
    a += value * x[0];
    b += value * x[p];
    c += value * x[q];
    d += value * x[r];
    model_behind(&x, kind);
  }
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

MODEL_APART static void model_four(int32_t sums[4], const int8_t *x, const uint32_t apart[3], const int8_t *values,
                                   model_columns c) {
  if (MODEL_BYTES && c.bytes) model_four_by(sums, x, apart, values, c, MODEL_BY_BYTES);
  else if (MODEL_WIDE && c.wide) model_four_by(sums, x, apart, values, c, MODEL_BY_PLACES);
  else model_four_by(sums, x, apart, values, c, MODEL_STRAIGHT);
}

/* All rows of a group at the one position of a layer. */
MODEL_APART static void model_rows(model_arena *arena, const model_int_layer *s, const int8_t *values, uint32_t first, uint32_t rows,
                       uint32_t start, model_columns c) {
  const int8_t *x = arena->numbers + start;
  uint32_t r, n;
  int32_t sums[4];
  if (c.bytes || c.wide) {
    model_gather((int8_t *)arena->scratch, x, c);
    x = (const int8_t *)arena->scratch;
  }
  for (r = 0; r + 4 <= rows; r += 4) {
    model_dots(sums, x, values + r * c.count, c.count);
    for (n = r; n < r + 4; n++) model_give(arena, s, model_row_of(s, first + n), s->out, s->more, sums[n - r]);
  }
  for (; r < rows; r++)
    model_give(arena, s, model_row_of(s, first + r), s->out, s->more, model_dot(x, values + r * c.count, c.count));
}

/* The largest sum of every row of a group in the window at x. */
MODEL_APART static void model_largest(model_arena *arena, const model_int_layer *s, const int8_t *x,
                                      const int8_t *values, uint32_t rows, model_columns c) {
  uint32_t w, r;
  for (r = 0; r < rows; r++) arena->sums[r] = INT32_MIN;
  for (w = 0; w < s->windows; w += 2) {
    const uint32_t last = w + 1 < s->windows ? w + 1 : w;
    model_beside(arena->scratch, x + s->window[w], (uint32_t)s->window[last] - s->window[w], c);
    model_tops(arena->sums, arena->scratch, values, rows, c.count);
  }
}

/* All rows of a group at every position, two positions at a time. */
MODEL_APART static void model_together(model_arena *arena, const model_int_layer *s, const int8_t *values, uint32_t first,
                           uint32_t rows, uint32_t start, model_columns c) {
  uint32_t o, i, r, n;
  int32_t sums[4];
  for (o = 0; o < s->outer; o++)
    for (i = 0; i < s->inner; i += s->window ? 1u : 2u) {
      const int8_t *x = arena->numbers + start + o * s->in_outer + i * s->in_inner;
      const uint32_t to = s->out + o * s->out_outer + i * s->out_inner;
      const uint32_t more = s->more + o * s->more_outer + i * s->more_inner, both = i + 1 < s->inner;
      if (s->window) {
        model_largest(arena, s, x, values, rows, c);
        if (!s->order) model_give_all(arena, s, first, rows, to, arena->sums);
        else
          for (r = 0; r < rows; r++) model_give(arena, s, s->order[first + r], to, more, arena->sums[r]);
        continue;
      }
      model_beside(arena->scratch, x, both ? s->in_inner : 0u, c);
      for (r = 0; r < rows; r += 2) {
        model_pair(sums, arena->scratch, values + r * c.count, r + 1 < rows ? c.count : 0u, c.count);
        for (n = r; n < r + 2 && n < rows; n++) {
          const uint32_t row = model_row_of(s, first + n);
          model_give(arena, s, row, to, more, sums[2 * (n - r)]);
          if (both) model_give(arena, s, row, to + s->out_inner, more + s->more_inner, sums[2 * (n - r) + 1]);
        }
      }
    }
}

/* The largest sum of one row in the window at x. */
static int32_t model_top(const model_int_layer *s, const int8_t *x, const int8_t *values, model_columns c) {
  int32_t sums[4], top = INT32_MIN;
  uint32_t w, n;
  for (w = 0; w + 4 <= s->windows; w += 4) {
    uint32_t apart[3];
    for (n = 0; n < 3; n++) apart[n] = (uint32_t)s->window[w + n + 1] - s->window[w];
    model_four(sums, x + s->window[w], apart, values, c);
    for (n = 0; n < 4; n++)
      if (sums[n] > top) top = sums[n];
  }
  for (; w < s->windows; w++) {
    const int32_t sum = model_one(x + s->window[w], values, c);
    if (sum > top) top = sum;
  }
  return top;
}

/* One row at every position, four of them at once. */
MODEL_APART static void model_walk(model_arena *arena, const model_int_layer *s, const int8_t *values, uint32_t row, uint32_t start,
                       model_columns c) {
  const uint32_t apart[3] = {s->in_inner, 2 * s->in_inner, 3 * s->in_inner};
  uint32_t o, i, n;
  int32_t sums[4];
  for (o = 0; o < s->outer; o++)
    for (i = 0; i < s->inner;) {
      const int8_t *x = arena->numbers + start + o * s->in_outer + i * s->in_inner;
      const uint32_t to = s->out + o * s->out_outer + i * s->out_inner;
      const uint32_t more = s->more + o * s->more_outer + i * s->more_inner;
      const uint32_t count = !s->window && i + 4 <= s->inner ? 4 : 1;
      if (s->window) sums[0] = model_top(s, x, values, c);
      else if (count == 4) model_four(sums, x, apart, values, c);
      else sums[0] = model_one(x, values, c);
      for (n = 0; n < count; n++)
        model_give(arena, s, row, to + n * s->out_inner, more + n * s->more_inner, sums[n]);
      i += count;
    }
}

static void model_affine(model_arena *arena, const model_int_layer *s) {
  const int8_t *values = s->values;
  const int gapped = s->bytes || s->wide, single = s->outer * s->inner == 1 && !s->window;
  uint32_t group, r, row = 0, next = 0;
  for (group = 0; group < s->groups; group++) {
    const uint32_t rows = s->rows[group * s->rows_step], start = s->starts[group * s->starts_step];
    const uint32_t offset = s->offsets ? s->offsets[group] : next;
    model_columns c;
    c.bytes = s->bytes ? s->bytes + offset : 0;
    c.wide = s->wide ? s->wide + offset : 0;
    c.count = s->columns[group * s->columns_step];
    next += c.count;
    if (s->alike) {
      for (r = 0; r < rows; r++, row++)
        model_give(arena, s, model_row_of(s, row), s->out, s->more, *values * model_alike(arena->numbers + start, c));
      continue;
    }
    if (gapped && rows == 1 && single)
      model_give(arena, s, model_row_of(s, row), s->out, s->more, model_one(arena->numbers + start, values, c));
    else if (gapped && rows == 1)
      model_walk(arena, s, values, model_row_of(s, row), start, c);
    else if (single)
      model_rows(arena, s, values, row, rows, start, c);
    else
      model_together(arena, s, values, row, rows, start, c);
    values += rows * c.count;
    row += rows;
  }
}
