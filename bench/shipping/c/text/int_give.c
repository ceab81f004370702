/* The sum of a row at a position becomes a level, or a logit: `to` and `more` are the places of row 0 there. */
static void model_give(model_arena *arena, const model_int_layer *s, uint32_t row, uint32_t to, uint32_t more,
                       int32_t sum) {
  const int32_t *turn = s->turns + row * s->turns_step;
  int64_t scaled;
  sum += turn[0];
  if (s->scales) {
    arena->logits[row] = (float)sum * s->scales[row];
    return;
  }
  scaled = s->start + (int64_t)sum * turn[1];
  if (s->adds)
    scaled += (int64_t)(arena->numbers[more + row * s->more_row] * 256) * s->more_factor;
  arena->numbers[to + row * s->out_row] = model_scaled(scaled, s->shift, s->low, s->span);
}

static uint32_t model_row_of(const model_int_layer *s, uint32_t row) { return s->order ? s->order[row] : row; }
