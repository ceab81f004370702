/* One layer: rows of weighted sums over places of the arena, along positions. */
typedef struct {
  const float *values; /* weights that exist: group by group, row by row */
  const float *bias;
  const model_place *rows, *columns, *starts; /* of every group, or once for all (steps of 0) */
  const model_place *offsets;                 /* of every group's gaps; null: one after the other */
  const model_place *order;                   /* numbers of the rows; null: as they come */
  const uint8_t *bytes;                       /* gaps before the columns, 0 before the first; all null: 1 */
  const model_place *wide;
  const model_place *window; /* the result is the largest of so many sums, so far from the first; null: it is the sum */
  uint32_t groups, rows_step, columns_step, starts_step, values_step;
  uint32_t outer, inner, length, windows; /* lines, runs in a line, positions in a run, sums at a position */
  uint32_t in_outer, in_inner;
  uint32_t out, out_row, out_outer, out_inner;
  uint32_t adds, more, more_row, more_outer, more_inner;
  float low, high;
} model_layer;

static float model_sum(float sum, const float *x, const float *values, const model_layer *s, uint32_t columns,
                       uint32_t offset) {
  const uint32_t step = s->values_step;
  uint32_t k;
  if (s->bytes) {
    const uint8_t *gap = s->bytes + offset;
    for (k = 0; k < columns; k++) {
      x += *gap++;
      sum += *values * *x;
      values += step;
    }
  } else if (s->wide) {
    const model_place *gap = s->wide + offset;
    for (k = 0; k < columns; k++) {
      x += *gap++;
      sum += *values * *x;
      values += step;
    }
  } else {
    for (k = 0; k < columns; k++) {
      sum += *values * x[k];
      values += step;
    }
  }
  return sum;
}

static void model_row(float *arena, const model_layer *s, const float *values, uint32_t row, uint32_t columns,
                      uint32_t start, uint32_t offset) {
  uint32_t o, i, l, w;
  for (o = 0; o < s->outer; o++) {
    for (i = 0; i < s->inner; i++) {
      const float *x = arena + start + o * s->in_outer + i * s->in_inner;
      float *y = arena + s->out + row * s->out_row + o * s->out_outer + i * s->out_inner;
      const float *more = arena + s->more + row * s->more_row + o * s->more_outer + i * s->more_inner;
      for (l = 0; l < s->length; l++) {
        float sum = model_sum(s->bias[row], x + l, values, s, columns, offset);
        for (w = 1; w < s->windows; w++) {
          const float other = model_sum(s->bias[row], x + l + s->window[w], values, s, columns, offset);
          if (other > sum || other != other) sum = other; /* as in the network, what is no number wins */
        }
        if (s->adds) sum += more[l];
        if (sum < s->low) sum = s->low;
        if (sum > s->high) sum = s->high;
        y[l] = sum;
      }
    }
  }
}

static void model_affine(float *arena, const model_layer *s) {
  const float *values = s->values;
  uint32_t group, r, row = 0, next = 0;
  for (group = 0; group < s->groups; group++) {
    const uint32_t rows = s->rows[group * s->rows_step];
    const uint32_t columns = s->columns[group * s->columns_step];
    const uint32_t start = s->starts[group * s->starts_step];
    const uint32_t offset = s->offsets ? s->offsets[group] : next;
    for (r = 0; r < rows; r++) {
      model_row(arena, s, values, s->order ? s->order[row] : row, columns, start, offset);
      values += columns * s->values_step;
      row++;
    }
    next += columns;
  }
}
