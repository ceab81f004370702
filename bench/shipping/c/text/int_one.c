/* The products of two rows of levels. */
MODEL_APART static int32_t model_dot(const int8_t *x, const int8_t *values, uint32_t columns) {
  int32_t sum = 0;
#if MODEL_MVE
  sum = model_vector(0, x, values, columns);
#else
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
#endif
  return sum;
}

/* One row at one position, from weight to weight. */
static MODEL_WITHIN int32_t model_one_by(const int8_t *x, const int8_t *values, model_columns c, int kind) {
  int32_t sum = 0;
  for (; c.count; c.count--) {
    model_before(&x, &c, kind);
    sum += *values++ * *x;
    model_behind(&x, kind);
  }
  return sum;
}

#if MODEL_SIMD
/* The same by bytes, four at once. */
static MODEL_WITHIN int32_t model_one_by_bytes(const int8_t *x, const int8_t *values, model_columns c) {
  int32_t sum = 0;
  uint32_t turns;
  for (turns = c.count / 4; turns; turns--) {
    int16x2_t even, odd;
    uint32_t four, row;
    __asm__ volatile("ldr %0, [%2], #4\n ldr %1, [%3], #4"
                     : "=&r"(four), "=r"(row), "+r"(c.bytes), "+r"(values) : : "memory");
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
  return sum + model_one_by(x, values, c, MODEL_BY_BYTES);
}
#else
static MODEL_WITHIN int32_t model_one_by_bytes(const int8_t *x, const int8_t *values, model_columns c) {
  return model_one_by(x, values, c, MODEL_BY_BYTES);
}
#endif

MODEL_APART static int32_t model_one(const int8_t *x, const int8_t *values, model_columns c) {
  if (MODEL_BYTES && c.bytes) return model_one_by_bytes(x, values, c);
  if (MODEL_WIDE && c.wide) return model_one_by(x, values, c, MODEL_BY_PLACES);
  return model_dot(x, values, c.count);
}
