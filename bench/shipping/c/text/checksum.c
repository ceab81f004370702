/* CRC-32 as zlib has it, of everything in a frame but itself. */
static uint32_t model_checksum(const uint8_t *frame, size_t bytes) {
  uint32_t crc = 0xffffffffu;
  size_t n;
  int bit;
  for (n = 0; n < bytes; n++) {
    if (n >= 8 && n < 12) continue;
    crc ^= frame[n];
    for (bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1u ? 0xedb88320u : 0u);
  }
  return ~crc;
}
