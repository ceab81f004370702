typedef struct {
  const model_place *segments; /* place and length, in turn */
  uint32_t count, base, channels, channel;
} model_int_zero;

static void model_clear(int8_t *numbers, const model_int_zero *s) {
  uint32_t channel, n;
  for (channel = 0; channel < s->channels; channel++)
    for (n = 0; n < s->count; n++)
      memset(numbers + s->base + channel * s->channel + s->segments[2 * n], 0, s->segments[2 * n + 1]);
}
