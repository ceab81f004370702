/* A row whose weights are one number. */
static MODEL_WITHIN int32_t model_alike_by(const int8_t *x, model_columns c, int kind) {
  int32_t sum = 0;
  for (; c.count; c.count--) {
    model_before(&x, &c, kind);
    sum += *x;
    model_behind(&x, kind);
  }
  return sum;
}

/* A layer of such rows with one position, the same weight for all; every `groups` rows, what they read is so far `apart`. */
static void model_means(model_arena *arena, const model_int_layer *s) {
  const int32_t value = *s->values, low = s->low;
  const uint32_t shift = s->shift, span = s->span;
  const int8_t *numbers = arena->numbers;
  int8_t *to = arena->numbers + s->out;
  uint32_t repeat, row;
  for (repeat = 0; repeat < s->repeats; repeat++, numbers += s->apart) {
    const int32_t *turn = s->turns;
    uint32_t next = 0;
    for (row = 0; row < s->groups; row++) {
      const int8_t *x = numbers + s->starts[row * s->starts_step];
      const uint32_t offset = s->offsets ? s->offsets[row] : next;
      model_columns c;
      int32_t sum;
      c.count = s->columns[row * s->columns_step];
      next += c.count;
      c.bytes = s->bytes ? s->bytes + offset : 0;
      c.wide = s->wide ? s->wide + offset : 0;
      if (MODEL_BYTES && s->bytes) sum = model_alike_by(x, c, MODEL_BY_BYTES);
      else if (MODEL_WIDE && s->wide) sum = model_alike_by(x, c, MODEL_BY_PLACES);
      else sum = model_alike_by(x, c, MODEL_STRAIGHT);
      *to = model_scaled(s->start + (int64_t)(value * sum + turn[0]) * turn[1], shift, low, span);
      to += s->out_row, turn += s->turns_step;
    }
  }
}
