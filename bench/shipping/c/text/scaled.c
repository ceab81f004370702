/* A level from a sum that was multiplied and began from half a step, less the lower bound: no negative number is shifted. */
static int8_t model_scaled(int64_t sum, uint32_t shift, int32_t low, uint32_t span) {
  uint32_t steps;
  if (sum < 0) return (int8_t)low;
  steps = (uint32_t)((uint64_t)sum >> 32) >> shift;
  return (int8_t)(low + (int32_t)(steps > span ? span : steps));
}
