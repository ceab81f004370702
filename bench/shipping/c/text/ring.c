/* One layer at one position whose rows read the same columns but for a turn around the inputs, and the zeros behind these. All lie
   twice in a row in the scratch, so that a row is read on from wherever it begins. Gaps lead from one column to the next, and end
   with 0. */
typedef struct {
  const float *values; /* list by list: of four rows column by column, then of each row that is left */
  const float *bias;
  const model_place *rows, *columns;  /* of every list, or once for all (steps of 0) */
  const model_place *order, *starts;  /* numbers of the rows, and the input at which each begins */
  const uint8_t *bytes;
  uint32_t groups, rows_step, columns_step;
  uint32_t apart, held, ring; /* the first input, how many there are, and how many with the zeros behind them */
  uint32_t out, out_row, adds, more, more_row;
  float low, high;
} model_ring;

static void model_round_give(float *arena, const model_ring *s, uint32_t row, float sum) {
  const uint32_t number = s->order[row];
  sum += s->bias[number];
  if (s->adds) sum += arena[s->more + number * s->more_row];
  if (sum < s->low) sum = s->low;
  if (sum > s->high) sum = s->high;
  arena[s->out + number * s->out_row] = sum;
}

static void model_round_four(float sums[4], const float *const x[4], const float *values, const uint8_t *gaps) {
  const float *const a = x[0], *const b = x[1], *const c = x[2], *const d = x[3];
  float first = 0.0f, second = 0.0f, third = 0.0f, fourth = 0.0f;
  uint32_t at = 0, gap;
  do {
    first += values[0] * a[at];
    second += values[1] * b[at];
    third += values[2] * c[at];
    fourth += values[3] * d[at];
    values += 4;
    gap = *gaps++;
    at += gap;
  } while (gap);
  sums[0] = first, sums[1] = second, sums[2] = third, sums[3] = fourth;
}

/* A row by itself. */
static float model_round(const float *x, const float *values, const uint8_t *gaps) {
  float sum = 0.0f;
  uint32_t gap;
  do {
    sum += *values++ * *x;
    gap = *gaps++;
    x += gap;
  } while (gap);
  return sum;
}

static void model_rings(float *arena, float *ring, const model_ring *s) {
  const float *values = s->values;
  const uint8_t *gaps = s->bytes;
  uint32_t list, row = 0, n;
  memcpy(ring, arena + s->apart, s->held * sizeof(float));
  for (n = s->held; n < s->ring; n++) ring[n] = 0.0f;
  memcpy(ring + s->ring, ring, s->ring * sizeof(float));
  for (list = 0; list < s->groups; list++) {
    const uint32_t rows = s->rows[list * s->rows_step], columns = s->columns[list * s->columns_step], end = row + rows;
    for (; row + 4 <= end; row += 4, values += 4 * columns) {
      float sums[4];
      const float *x[4];
      for (n = 0; n < 4; n++) x[n] = ring + s->starts[row + n];
      model_round_four(sums, x, values, gaps);
      for (n = 0; n < 4; n++) model_round_give(arena, s, row + n, sums[n]);
    }
    for (; row < end; row++, values += columns)
      model_round_give(arena, s, row, model_round(ring + s->starts[row], values, gaps));
    gaps += columns;
  }
}
