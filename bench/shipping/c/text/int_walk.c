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

/* A layer whose rows go from weight to weight, each by itself, at every position. */
static void model_walks(model_arena *arena, const model_int_layer *s) {
  const int8_t *values = s->values;
  uint32_t group, r, row = 0, next = 0;
  for (group = 0; group < s->groups; group++) {
    const uint32_t rows = s->rows[group * s->rows_step], start = s->starts[group * s->starts_step];
    const uint32_t offset = s->offsets ? s->offsets[group] : next;
    model_columns c;
    c.bytes = s->bytes ? s->bytes + offset : 0;
    c.wide = s->wide ? s->wide + offset : 0;
    c.count = s->columns[group * s->columns_step];
    next += c.count;
    for (r = 0; r < rows; r++, row++) {
      model_walk(arena, s, values, model_row_of(s, row), start, c);
      values += c.count;
    }
  }
}
