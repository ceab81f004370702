/* Every element the sum, or the largest, of numbers elsewhere: by loops, or by tables. */
typedef struct {
  const model_place *to, *sources;
  uint32_t count, taps, largest, first;
  uint32_t sizes[4], to_steps[4], source_steps[4];
  float low, high;
} model_each;

static void model_element(float *arena, const model_each *s, uint32_t to, const model_place *sources, uint32_t from) {
  float result = 0.0f;
  uint32_t tap, any = 0;
  for (tap = 0; tap < s->taps; tap++) {
    float x;
    if (sources[tap] == MODEL_ABSENT) continue;
    x = arena[sources[tap] + from];
    if (!any) result = x;
    else if (!s->largest) result += x;
    else if (x > result || x != x) result = x; /* as in the network, what is no number wins */
    any = 1;
  }
  if (result < s->low) result = s->low;
  if (result > s->high) result = s->high;
  arena[to] = result;
}

static void model_elements(float *arena, const model_each *s) {
  const uint32_t *n = s->sizes, *t = s->to_steps, *f = s->source_steps;
  uint32_t a, b, c, d;
  if (s->to) {
    for (a = 0; a < s->count; a++) model_element(arena, s, s->to[a], s->sources + a * s->taps, 0);
    return;
  }
  for (a = 0; a < n[0]; a++)
    for (b = 0; b < n[1]; b++)
      for (c = 0; c < n[2]; c++)
        for (d = 0; d < n[3]; d++)
          model_element(arena, s, s->first + a * t[0] + b * t[1] + c * t[2] + d * t[3], s->sources,
                        a * f[0] + b * f[1] + c * f[2] + d * f[3]);
}
