typedef struct {
  const model_place *segments; /* place and length, in turn */
  uint32_t count, base, channels, channel;
} model_zero;

static void model_clear(float *arena, const model_zero *s) {
  uint32_t channel, n, i;
  for (channel = 0; channel < s->channels; channel++)
    for (n = 0; n < s->count; n++)
      for (i = 0; i < s->segments[2 * n + 1]; i++)
        arena[s->base + channel * s->channel + s->segments[2 * n] + i] = 0.0f;
}
