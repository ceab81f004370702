/* Numbers that come from, or go, outside in their own order. */
typedef struct {
  uint32_t first;
  uint32_t sizes[4], steps[4];
} model_copy;
