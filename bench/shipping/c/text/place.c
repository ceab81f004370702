/* The place of each number in turn: `n` counts on. */
static uint32_t model_place_of(const model_copy *s, uint32_t n) {
  const uint32_t d = n % s->sizes[3], c = n / s->sizes[3] % s->sizes[2];
  const uint32_t b = n / s->sizes[3] / s->sizes[2] % s->sizes[1], a = n / s->sizes[3] / s->sizes[2] / s->sizes[1];
  return s->first + a * s->steps[0] + b * s->steps[1] + c * s->steps[2] + d * s->steps[3];
}
