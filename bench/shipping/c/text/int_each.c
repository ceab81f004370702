/* Every element the sum, or the largest, of levels elsewhere: by loops, or by tables. */
typedef struct {
  const model_place *to, *sources;
  uint32_t count, taps, largest, first;
  uint32_t sizes[4], to_steps[4], source_steps[4];
  const int32_t *factors; /* of every source; null: the result has their scale */
  int64_t start;
  uint32_t shift;
  int32_t low;
  uint32_t span;
} model_int_each;

static void model_element(int8_t *numbers, const model_int_each *s, uint32_t to, const model_place *sources,
                          uint32_t from) {
  uint32_t tap;
  if (s->factors) {
    int64_t sum = s->start;
    for (tap = 0; tap < s->taps; tap++)
      if (sources[tap] != MODEL_ABSENT) sum += (int64_t)(numbers[sources[tap] + from] * 256) * s->factors[tap];
    numbers[to] = model_scaled(sum, s->shift, s->low, s->span);
  } else {
    const int32_t high = s->low + (int32_t)s->span;
    int32_t top = -128; /* below every level */
    for (tap = 0; tap < s->taps; tap++) {
      const model_place source = sources[tap];
      if (source != MODEL_ABSENT && numbers[source + from] > top) top = numbers[source + from];
    }
    if (top == -128) top = 0;
    if (top < s->low) top = s->low;
    numbers[to] = (int8_t)(top > high ? high : top);
  }
}

static void model_elements(int8_t *numbers, const model_int_each *s) {
  const uint32_t *n = s->sizes, *t = s->to_steps, *f = s->source_steps;
  uint32_t a, b, c, d;
  if (s->to) {
    for (a = 0; a < s->count; a++) model_element(numbers, s, s->to[a], s->sources + a * s->taps, 0);
    return;
  }
  for (a = 0; a < n[0]; a++)
    for (b = 0; b < n[1]; b++)
      for (c = 0; c < n[2]; c++)
        for (d = 0; d < n[3]; d++)
          model_element(numbers, s, s->first + a * t[0] + b * t[1] + c * t[2] + d * t[3], s->sources,
                        a * f[0] + b * f[1] + c * f[2] + d * f[3]);
}
