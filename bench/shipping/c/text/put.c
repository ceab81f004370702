static void model_put(uint8_t *to, uint32_t value) {
  to[0] = (uint8_t)(value & 255u);
  to[1] = (uint8_t)(value >> 8 & 255u);
  to[2] = (uint8_t)(value >> 16 & 255u);
  to[3] = (uint8_t)(value >> 24 & 255u);
}
