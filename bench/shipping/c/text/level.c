/* A number in steps of its scale: halves up, the bound for what lies outside, the lower one for what is no number. */
static int8_t model_level(float steps) {
  if (!(steps > -127.0f)) return -127;
  if (steps >= 127.0f) return 127;
  return (int8_t)((int32_t)(steps + 127.5f) - 127);
}
