/* How ready a sample is to leave, by the logits of one exit: larger is readier. */
static float model_score(const float *logits, model_policy policy) {
  float top = logits[0], sum = 0.0f, second = 0.0f, mean = 0.0f;
  uint32_t n, at = 0;
  for (n = 1; n < MODEL_CLASSES; n++) {
    if (logits[n] > top) {
      top = logits[n];
      at = n;
    }
  }
  for (n = 0; n < MODEL_CLASSES; n++) {
    const float share = expf(logits[n] - top);
    sum += share;
    mean += share * (logits[n] - top);
    if (n != at && share > second) second = share;
  }
  if (policy == MODEL_ENTROPY) return mean / sum - logf(sum);
  if (policy == MODEL_MARGIN) return 1.0f / sum - second / sum;
  return 1.0f / sum;
}

int model_leaves(const model_arena *arena, model_policy policy) {
  const float *logits = model_logits(arena);
  uint32_t n;
  if (!logits || arena->reached >= MODEL_EXITS || (uint32_t)policy > 2u) return 0;
  if (MODEL_FINAL && arena->reached + 1 == MODEL_EXITS) return 1;
  for (n = 0; n < MODEL_CLASSES; n++)
    if (logits[n] != logits[n]) return 0; /* nothing leaves by what is no number */
  return model_score(logits, policy) >= model_thresholds[policy][arena->reached];
}
