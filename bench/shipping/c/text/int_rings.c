/* Rows that read the same columns but for a turn around the inputs, and the zeros behind these. All lie twice in a row in the
   scratch, so that a row is read on from wherever it begins. Gaps lead from one column to the next, and end with 0. */

/* Four rows at once, whose weights stand column by column. Taken in the order in which it is written, it needs no more registers
   than there are. */
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("no-schedule-insns")))
#endif
MODEL_APART static void model_round_four(int32_t sums[4], const int8_t *const x[4], const int8_t *values, const uint8_t *gaps) {
  const int8_t *const a = x[0], *const b = x[1], *const c = x[2], *const d = x[3];
  int32_t first = 0, second = 0, third = 0, fourth = 0;
  uint32_t at = 0, gap;
  do {
#if MODEL_SIMD
    uint32_t column;
    int16x2_t even, odd;
    MODEL_TAKE(column, values);
    even = model_even(column), odd = model_odd(column);
    first = __smlabb(a[at], even, first);
    second = __smlabb(b[at], odd, second);
    third = __smlabt(c[at], even, third);
    fourth = __smlabt(d[at], odd, fourth);
#else
    first += values[0] * a[at];
    second += values[1] * b[at];
    third += values[2] * c[at];
    fourth += values[3] * d[at];
    values += 4;
#endif
    gap = *gaps++;
    at += gap;
  } while (gap);
  sums[0] = first, sums[1] = second, sums[2] = third, sums[3] = fourth;
}

/* A row by itself. */
static int32_t model_round(const int8_t *x, const int8_t *values, const uint8_t *gaps) {
  int32_t sum = 0;
  uint32_t gap;
  do {
    sum += *values++ * *x;
    gap = *gaps++;
    x += gap;
  } while (gap);
  return sum;
}

/* A layer of such rows with one position. */
static void model_rings(model_arena *arena, const model_int_layer *s) {
  int8_t *const ring = (int8_t *)arena->scratch;
  const int8_t *values = s->values;
  const uint8_t *gaps = s->bytes;
  const model_place *begins = s->starts;
  uint32_t list, row = 0, n;
  memcpy(ring, arena->numbers + s->apart, s->held);
  memset(ring + s->held, 0, s->ring - s->held);
  memcpy(ring + s->ring, ring, s->ring);
  for (list = 0; list < s->groups; list++) {
    const uint32_t rows = s->rows[list * s->rows_step], columns = s->columns[list * s->columns_step], end = row + rows;
    for (; row + 4 <= end; row += 4, values += 4 * columns) {
      int32_t sums[4];
      const int8_t *x[4];
      for (n = 0; n < 4; n++) x[n] = ring + begins[row + n];
      model_round_four(sums, x, values, gaps);
      for (n = 0; n < 4; n++) model_give(arena, s, model_row_of(s, row + n), s->out, s->more, sums[n]);
    }
    for (; row < end; row++, values += columns)
      model_give(arena, s, model_row_of(s, row), s->out, s->more, model_round(ring + begins[row], values, gaps));
    gaps += columns;
  }
}
