#if MODEL_SIMD
/* Four products: x goes on by each byte of the gaps, and a place more each time, from the given one on. */
static MODEL_WITHIN int32_t model_four_halves(int32_t sum, const int8_t **x, uint32_t gaps, uint32_t row, uint32_t from) {
  const int16x2_t even = model_even(row), odd = model_odd(row);
  MODEL_ON(*x, gaps, "");
  sum = __smlabb((*x)[from], even, sum);
  MODEL_ON(*x, gaps, ", ror #8");
  sum = __smlabb((*x)[from + 1], odd, sum);
  MODEL_ON(*x, gaps, ", ror #16");
  sum = __smlabt((*x)[from + 2], even, sum);
  MODEL_ON(*x, gaps, ", ror #24");
  return __smlabt((*x)[from + 3], odd, sum);
}
#endif

/* Rows by themselves at one position. Each begins with the number of its weights; then come the gaps before its columns, less one
   (before the first: from the place where all rows start), half a byte each: those of eight weights in four bytes, the first
   four in the lower halves; those of the last weights, fewer than eight, in turn. */
static MODEL_WITHIN int32_t model_by_halves(const int8_t *x, const int8_t *values, const uint8_t *gaps, uint32_t count) {
  int32_t sum = 0;
  uint32_t turns;
  for (turns = count / 8; turns; turns--) {
#if MODEL_SIMD
    const uint32_t lower = 0x0f0f0f0fu;
    uint32_t both, row;
    MODEL_TAKE(both, gaps);
    MODEL_TAKE(row, values);
    sum = model_four_halves(sum, &x, both & lower, row, 0);
    MODEL_TAKE(row, values);
    sum = model_four_halves(sum, &x, (both >> 4) & lower, row, 4);
    x += 8;
#else
    uint32_t n;
    MODEL_OUT for (n = 0; n < 4; n++) {
      x += gaps[n] & 15;
      sum += values[n] * x[n];
    }
    MODEL_OUT for (n = 0; n < 4; n++) {
      x += gaps[n] >> 4;
      sum += values[n + 4] * x[n + 4];
    }
    x += 8, values += 8, gaps += 4;
#endif
  }
  for (turns = count % 8 / 2; turns; turns--) {
    const uint32_t both = *gaps++;
    x += both & 15;
    sum += *values++ * *x++;
    x += both >> 4;
    sum += *values++ * *x++;
  }
  if (count % 2) sum += *values * x[*gaps];
  return sum;
}

/* A layer of such rows, all in their order. */
MODEL_APART static void model_halves(model_arena *arena, const model_int_layer *s) {
  const int8_t *values = s->values, *const x = arena->numbers + *s->starts;
  const uint8_t *gaps = s->halves;
  const int32_t *turn = s->turns;
  const int64_t start = s->start;
  const uint32_t rows = s->groups, shift = s->shift, span = s->span;
  const int32_t low = s->low;
  int8_t *to = arena->numbers + s->out;
  uint32_t row;
  for (row = 0; row < rows; row++, to += s->out_row, turn += s->turns_step) {
    const uint32_t count = *gaps++;
    const int32_t sum = model_by_halves(x, values, gaps, count) + turn[0];
    *to = model_scaled(start + (int64_t)sum * turn[1], shift, low, span);
    values += count, gaps += (count + 1) / 2;
  }
}
