typedef struct {
  const model_place *segments; /* place and length, in turn */
  uint32_t count, base, channels, channel;
} model_int_zero;

/* Few zeros, most often: four at once, and no call of memset, which compilers make of a loop that nothing else is in. */
static void model_zeros(int8_t *to, uint32_t count) {
  static const int8_t zeros[4] = {0, 0, 0, 0};
  volatile int8_t *last;
  for (; count >= 4; count -= 4, to += 4) {
    memcpy(to, zeros, 4);
#if defined(__GNUC__)
    __asm__ volatile("" : : : "memory");
#endif
  }
  for (last = to; count; count--) *last++ = 0;
}

static void model_clear(int8_t *numbers, const model_int_zero *s) {
  uint32_t channel, n;
  for (channel = 0; channel < s->channels; channel++)
    for (n = 0; n < s->count; n++)
      model_zeros(numbers + s->base + channel * s->channel + s->segments[2 * n], s->segments[2 * n + 1]);
}
