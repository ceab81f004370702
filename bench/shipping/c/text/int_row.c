/* The columns of a group at one position, run by run, side by side. */
static MODEL_WITHIN void model_gather_by(int8_t *to, const int8_t *x, model_columns c, uint32_t run, int kind) {
  for (; c.count; c.count -= run) {
    uint32_t n;
    model_before(&x, &c, kind);
    for (n = 0; n < run; n++) *to++ = x[n];
  }
}

/* The same for runs of every length. */
static MODEL_WITHIN void model_gather_runs(int8_t *to, const int8_t *x, model_columns c, uint32_t run, int kind) {
  if (run == 1) model_gather_by(to, x, c, 1, kind);
  else if (run == 2) model_gather_by(to, x, c, 2, kind);
  else model_gather_by(to, x, c, run, kind);
}

MODEL_APART static void model_gather(int8_t *to, const int8_t *x, model_columns c, uint32_t run) {
  if (MODEL_BYTES && c.bytes) model_gather_runs(to, x, c, run, MODEL_BY_BYTES);
  else if (MODEL_WIDE) model_gather_runs(to, x, c, run, MODEL_BY_PLACES);
}

/* Four rows together, in turn of the values' rows. */
MODEL_APART static void model_dots(int32_t sums[4], const int8_t *x, const int8_t *first, uint32_t columns) {
  const int8_t *second = first + columns, *third = second + columns, *fourth = third + columns;
  int32_t a = 0, b = 0, c = 0, d = 0;
#if MODEL_MVE
  for (; columns >= 16; columns -= 16) {
    const int8x16_t some = vldrbq_s8(x);
    a = vmladavaq_s8(a, some, vldrbq_s8(first));
    b = vmladavaq_s8(b, some, vldrbq_s8(second));
    c = vmladavaq_s8(c, some, vldrbq_s8(third));
    d = vmladavaq_s8(d, some, vldrbq_s8(fourth));
    x += 16, first += 16, second += 16, third += 16, fourth += 16;
  }
#endif
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

/* All rows of a group at the one position of a layer. */
MODEL_APART static void model_rows(model_arena *arena, const model_int_layer *s, const int8_t *values, uint32_t first, uint32_t rows,
                       uint32_t start, model_columns c) {
  const int8_t *x = arena->numbers + start;
  uint32_t r, n;
  int32_t sums[4];
  if ((MODEL_BYTES && c.bytes) || (MODEL_WIDE && c.wide)) {
    model_gather((int8_t *)arena->scratch, x, c, s->run);
    x = (const int8_t *)arena->scratch;
  }
  for (r = 0; r + 4 <= rows; r += 4) {
    model_dots(sums, x, values + r * c.count, c.count);
    for (n = r; n < r + 4; n++) model_give(arena, s, model_row_of(s, first + n), s->out, s->more, sums[n - r]);
  }
  for (; r < rows; r++)
    model_give(arena, s, model_row_of(s, first + r), s->out, s->more, model_dot(x, values + r * c.count, c.count));
}

/* A layer with one position. */
static void model_affine(model_arena *arena, const model_int_layer *s) {
  const int8_t *values = s->values;
  const int gapped = (MODEL_BYTES && s->bytes) || (MODEL_WIDE && s->wide);
  uint32_t group, row = 0, next = 0;
  for (group = 0; group < s->groups; group++) {
    const uint32_t rows = s->rows[group * s->rows_step], start = s->starts[group * s->starts_step];
    const uint32_t offset = s->offsets ? s->offsets[group] : next;
    model_columns c;
    c.bytes = s->bytes ? s->bytes + offset : 0;
    c.wide = s->wide ? s->wide + offset : 0;
    c.count = s->columns[group * s->columns_step];
    next += c.count / s->run;
    if (gapped && rows == 1 && s->run == 1)
      model_give(arena, s, model_row_of(s, row), s->out, s->more, model_one(arena->numbers + start, values, c));
    else
      model_rows(arena, s, values, row, rows, start, c);
    values += rows * c.count;
    row += rows;
  }
}
