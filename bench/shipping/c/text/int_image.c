/* A layer at many positions, four of them at once: the columns that its rows read are laid out in the arena's scratch, side by
   side, and every row multiplies some blocks of them. What is laid out at once is a sheet: `laid` blocks from the places
   `starts`, each of `taps` columns; of these, `fours` runs of four come first, then single ones, with the gaps before each from
   the block's start on. `members` groups of rows read a sheet: `columns` of its blocks, those that begin at `blocks` in the scratch.
   Where a layer has few weights, they lie in `pairs` of 16 bits for SMLAD, in the order of the columns there: the first and third
   of four, the second and fourth; what is left over in pairs, the last one alone. */

/* The most rows whose sums at four positions wait for their levels. */
#define MODEL_WAITING 32u

/* The columns of a block. */
typedef struct {
  const uint8_t *bytes;
  const model_place *wide;
  uint32_t taps, fours;
} model_block;

#if MODEL_SIMD
/* Four numbers of 16 bits, and on. */
#define MODEL_GIVE(even, odd, to) __asm__ volatile("strd %1, %2, [%0], #8" : "+r"(to) : "r"(even), "r"(odd) : "memory")
#endif

/* Four columns of one position, in the order in which `model_step` takes them. */
static MODEL_WITHIN int16_t *model_run(int16_t *to, const int8_t *x) {
#if MODEL_SIMD
  uint32_t four;
  memcpy(&four, x, sizeof four);
  MODEL_GIVE(model_even(four), model_odd(four), to);
#else
  to[0] = x[0], to[1] = x[2], to[2] = x[1], to[3] = x[3];
  to += 4;
#endif
  return to;
}

/* One block of columns: four columns of each position in turn; then what is left over, column by column. */
static MODEL_WITHIN void model_lay_by(int16_t *to, const int8_t *x, const uint32_t *apart, model_block c, int by_bytes) {
  const uint32_t p = apart[1], q = apart[2], r = apart[3];
  const int8_t *at = x;
  uint32_t n;
#define MODEL_GAP at += by_bytes ? *c.bytes++ : *c.wide++
#define MODEL_LAY(slot, step) to[slot] = at[0], to[slot + step] = at[p], to[slot + 2 * step] = at[q], to[slot + 3 * step] = at[r]
  for (n = c.fours; n; n--) {
    MODEL_GAP;
    to = model_run(to, at);
    to = model_run(to, at + p);
    to = model_run(to, at + q);
    to = model_run(to, at + r);
  }
  at = x;
  for (n = c.taps / 4 - c.fours; n; n--) {
    MODEL_GAP;
    MODEL_LAY(0, 4);
    MODEL_GAP;
    MODEL_LAY(2, 4);
    MODEL_GAP;
    MODEL_LAY(1, 4);
    MODEL_GAP;
    MODEL_LAY(3, 4);
    to += 16;
  }
  for (n = c.taps % 4; n; n--) {
    MODEL_GAP;
    MODEL_LAY(0, 1);
    to += 4;
  }
#undef MODEL_GAP
#undef MODEL_LAY
}

#if MODEL_MVE
/* One block of columns byte by byte: all of the first position, then all of the second. */
static MODEL_WITHIN void model_line_by(int8_t *to, const int8_t *x, const uint32_t *apart, model_block c, int by_bytes) {
  const int8_t *at = x;
  uint32_t n, k;
  for (n = c.fours; n; n--, to += 4) {
    at += by_bytes ? *c.bytes++ : *c.wide++;
    for (k = 0; k < 4; k++) memcpy(to + k * c.taps, at + apart[k], 4);
  }
  at = x;
  for (n = c.taps - 4 * c.fours; n; n--, to++) {
    at += by_bytes ? *c.bytes++ : *c.wide++;
    for (k = 0; k < 4; k++) to[k * c.taps] = at[apart[k]];
  }
}
#endif

/* Blocks of columns, at four positions so far from the start of each. */
MODEL_APART static void model_lay(model_arena *arena, const model_place *starts, uint32_t laid, const uint32_t at[4],
                                  model_block c, int lines) {
  const uint32_t apart[4] = {0, at[1] - at[0], at[2] - at[0], at[3] - at[0]};
  const int8_t *x = arena->numbers + at[0];
  int16_t *to = arena->scratch;
  (void)lines;
  for (; laid; laid--) {
#if MODEL_MVE
    if (lines) {
      if (MODEL_BYTES && c.bytes) model_line_by((int8_t *)to, x + *starts++, apart, c, 1);
      else if (MODEL_WIDE) model_line_by((int8_t *)to, x + *starts++, apart, c, 0);
    } else
#endif
    if (MODEL_BYTES && c.bytes) model_lay_by(to, x + *starts++, apart, c, 1);
    else if (MODEL_WIDE) model_lay_by(to, x + *starts++, apart, c, 0);
    to += 4 * c.taps;
  }
}

#if MODEL_SIMD
/* Products of four columns at the four positions. */
static MODEL_WITHIN void model_products(int32_t sums[4], const int16_t **at, int16x2_t even, int16x2_t odd) {
  register int16x2_t first __asm__("r4"), second __asm__("r5"), third __asm__("r6"), fourth __asm__("r8");
  __asm__ volatile("ldmia %0!, {r4, r5, r6, r8}"
                   : "+r"(*at), "=r"(first), "=r"(second), "=r"(third), "=r"(fourth) : : "memory");
  sums[0] = __smlad(second, odd, __smlad(first, even, sums[0]));
  sums[1] = __smlad(fourth, odd, __smlad(third, even, sums[1]));
  __asm__ volatile("ldmia %0!, {r4, r5, r6, r8}"
                   : "+r"(*at), "=r"(first), "=r"(second), "=r"(third), "=r"(fourth) : : "memory");
  sums[2] = __smlad(second, odd, __smlad(first, even, sums[2]));
  sums[3] = __smlad(fourth, odd, __smlad(third, even, sums[3]));
}

/* Two words, and on. */
#define MODEL_TWO(one, other, from) \
  __asm__ volatile("ldrd %0, %1, [%2], #8" : "=r"(one), "=r"(other), "+r"(from) : : "memory")

/* The sums of one row at the four positions, by its pairs, which go on to the next row's. */
static MODEL_WITHIN void model_quad_by_pairs(int32_t sums[4], const int16_t *x, const uint32_t **pairs,
                                             const model_place *blocks, uint32_t count, uint32_t taps) {
  const uint32_t *pair = *pairs;
  int16x2_t even, odd, own;
  uint32_t block;
  sums[0] = sums[1] = sums[2] = sums[3] = 0;
  MODEL_OUT for (block = 0; block < count; block++) {
    const int16_t *at = x + blocks[block];
    uint32_t turn;
    MODEL_OUT for (turn = 0; turn < taps / 4; turn++) {
      MODEL_TWO(even, odd, pair);
      model_products(sums, &at, even, odd);
    }
    if (taps & 2u) {
      MODEL_TAKE(own, pair);
      MODEL_TWO(even, odd, at);
      sums[0] = __smlabb(even, own, sums[0]), sums[1] = __smlatb(even, own, sums[1]);
      sums[2] = __smlabb(odd, own, sums[2]), sums[3] = __smlatb(odd, own, sums[3]);
      MODEL_TWO(even, odd, at);
      sums[0] = __smlabt(even, own, sums[0]), sums[1] = __smlatt(even, own, sums[1]);
      sums[2] = __smlabt(odd, own, sums[2]), sums[3] = __smlatt(odd, own, sums[3]);
    }
    if (taps & 1u) {
      MODEL_TAKE(own, pair);
      MODEL_TWO(even, odd, at);
      sums[0] = __smlabb(even, own, sums[0]), sums[1] = __smlatb(even, own, sums[1]);
      sums[2] = __smlabb(odd, own, sums[2]), sums[3] = __smlatb(odd, own, sums[3]);
    }
  }
  *pairs = pair;
}
#endif

#if MODEL_SIMD && !MODEL_MVE
static MODEL_WITHIN void model_step(int32_t sums[4], const int16_t **at, const int8_t **values) {
  uint32_t four;
  MODEL_TAKE(four, *values);
  model_products(sums, at, model_even(four), model_odd(four));
}
#endif

/* The sums of one row at the four positions; the values go on to the next row's. */
static MODEL_WITHIN void model_quad(int32_t sums[4], const int16_t *x, const int8_t **values, const model_place *blocks,
                                    uint32_t count, uint32_t taps) {
  const int8_t *value = *values;
  uint32_t turns;
  sums[0] = sums[1] = sums[2] = sums[3] = 0;
  for (; count; count--) {
    const int16_t *at = x + *blocks++;
#if MODEL_MVE
    const int8_t *line = (const int8_t *)at;
    for (turns = taps; turns; line += 16) {
      const uint32_t some = turns < 16 ? turns : 16;
      const mve_pred16_t these = vctp8q(turns);
      const int8x16_t own = vldrbq_z_s8(value, these);
      sums[0] = vmladavaq_s8(sums[0], own, vldrbq_z_s8(line, these));
      sums[1] = vmladavaq_s8(sums[1], own, vldrbq_z_s8(line + taps, these));
      sums[2] = vmladavaq_s8(sums[2], own, vldrbq_z_s8(line + 2 * taps, these));
      sums[3] = vmladavaq_s8(sums[3], own, vldrbq_z_s8(line + 3 * taps, these));
      value += some, turns -= some;
    }
#else
#if MODEL_SIMD
    for (turns = taps / 8; turns; turns--) {
      model_step(sums, &at, &value);
      model_step(sums, &at, &value);
    }
    if (taps & 4u) model_step(sums, &at, &value);
    for (turns = taps % 4; turns; turns--) {
      int16x2_t two, others;
      int32_t own;
      __asm__ volatile("ldrsb %0, [%1], #1" : "=r"(own), "+r"(value) : : "memory");
      MODEL_TWO(two, others, at);
      sums[0] = __smlabb(two, own, sums[0]);
      sums[1] = __smlatb(two, own, sums[1]);
      sums[2] = __smlabb(others, own, sums[2]);
      sums[3] = __smlatb(others, own, sums[3]);
    }
#else
    for (turns = taps / 4; turns; turns--) {
      uint32_t n;
      for (n = 0; n < 4; n++, at += 4)
        sums[n] += at[0] * value[0] + at[1] * value[2] + at[2] * value[1] + at[3] * value[3];
      value += 4;
    }
    for (turns = taps % 4; turns; turns--, value++) {
      uint32_t n;
      for (n = 0; n < 4; n++) sums[n] += *at++ * *value;
    }
#endif
#endif
  }
  *values = value;
}

/* The sums of rows at the four positions. */
MODEL_APART static void model_quads(int32_t *sums, const int16_t *x, const int8_t *values, uint32_t rows,
                                    const model_place *blocks, uint32_t count, uint32_t taps, uint32_t hop) {
  for (; rows; rows--, sums += 4, blocks += hop) {
    int32_t own[4];
    model_quad(own, x, &values, blocks, count, taps);
    sums[0] = own[0], sums[1] = own[1], sums[2] = own[2], sums[3] = own[3];
  }
}

/* The largest of a row's sums at the four positions, and of those before. */
static MODEL_WITHIN void model_top_of(int32_t *top, const int32_t own[4], int first) {
  int32_t one = own[0];
  if (own[1] > one) one = own[1];
  if (own[2] > one) one = own[2];
  if (own[3] > one) one = own[3];
  if (!first && *top > one) one = *top;
  *top = one;
}

/* The largest sums of rows so far, after the four positions. */
MODEL_APART static void model_tops(int32_t *tops, const int16_t *x, const int8_t *values, uint32_t rows,
                                   const model_place *blocks, uint32_t count, uint32_t taps, uint32_t hop, int first) {
  for (; rows; rows--, blocks += hop) {
    int32_t own[4];
    model_quad(own, x, &values, blocks, count, taps);
    model_top_of(tops++, own, first);
  }
}

#if MODEL_PAIRS
MODEL_APART static void model_quads_by_pairs(int32_t *sums, const int16_t *x, const uint32_t *pairs, uint32_t rows,
                                             const model_place *blocks, uint32_t count, uint32_t taps, uint32_t hop) {
  for (; rows; rows--, sums += 4, blocks += hop) {
    int32_t own[4];
    model_quad_by_pairs(own, x, &pairs, blocks, count, taps);
    sums[0] = own[0], sums[1] = own[1], sums[2] = own[2], sums[3] = own[3];
  }
}

MODEL_APART static void model_tops_by_pairs(int32_t *tops, const int16_t *x, const uint32_t *pairs, uint32_t rows,
                                            const model_place *blocks, uint32_t count, uint32_t taps, uint32_t hop, int first) {
  for (; rows; rows--, blocks += hop) {
    int32_t own[4];
    model_quad_by_pairs(own, x, &pairs, blocks, count, taps);
    model_top_of(tops++, own, first);
  }
}

/* The same for numbers of blocks and columns that are known. */
#define MODEL_QUADS(form, count, taps) \
  MODEL_APART static void model_quads##form(int32_t *sums, const int16_t *x, const uint32_t *pairs, uint32_t rows, \
                                            const model_place *blocks, uint32_t hop) { \
    for (; rows; rows--, sums += 4, blocks += hop) { \
      int32_t own[4]; \
      model_quad_by_pairs(own, x, &pairs, blocks, count, taps); \
      sums[0] = own[0], sums[1] = own[1], sums[2] = own[2], sums[3] = own[3]; \
    } \
  }
#define MODEL_TOPS(form, count, taps) \
  MODEL_APART static void model_tops##form(int32_t *tops, const int16_t *x, const uint32_t *pairs, uint32_t rows, \
                                           const model_place *blocks, uint32_t hop, int first) { \
    for (; rows; rows--, blocks += hop) { \
      int32_t own[4]; \
      model_quad_by_pairs(own, x, &pairs, blocks, count, taps); \
      model_top_of(tops++, own, first); \
    } \
  }
MODEL_QUADS_FORMS(MODEL_QUADS)
MODEL_TOPS_FORMS(MODEL_TOPS)
#endif

/* The weights of a group of rows in either form, and the group's blocks. */
typedef struct {
  const int8_t *values;
  const uint32_t *pairs;
  const model_place *blocks;
  uint32_t count, taps, hop;
} model_group;

#if MODEL_PAIRS
static void model_quads_of(uint32_t form, int32_t *sums, const int16_t *x, uint32_t rows, const model_group *g) {
  switch (form) {
#define MODEL_CASE(one, count, taps) \
  case one: \
    model_quads##one(sums, x, g->pairs, rows, g->blocks, g->hop); \
    return;
    MODEL_QUADS_FORMS(MODEL_CASE)
#undef MODEL_CASE
    default:
      model_quads_by_pairs(sums, x, g->pairs, rows, g->blocks, g->count, g->taps, g->hop);
  }
}

static void model_tops_of(uint32_t form, int32_t *tops, const int16_t *x, uint32_t rows, const model_group *g, int first) {
  switch (form) {
#define MODEL_CASE(one, count, taps) \
  case one: \
    model_tops##one(tops, x, g->pairs, rows, g->blocks, g->hop, first); \
    return;
    MODEL_TOPS_FORMS(MODEL_CASE)
#undef MODEL_CASE
    default:
      model_tops_by_pairs(tops, x, g->pairs, rows, g->blocks, g->count, g->taps, g->hop, first);
  }
}
#endif

static MODEL_WITHIN void model_on(model_group *g, uint32_t rows) {
  if (g->values) g->values += rows * g->count * g->taps;
  else g->pairs += rows * g->count * ((g->taps + 1) / 2);
  g->blocks += rows * g->hop;
}

/* Sums of rows at one position become levels; nothing is added to them. */
MODEL_APART static void model_give_all(model_arena *arena, const model_int_layer *s, uint32_t first, uint32_t rows,
                                       uint32_t to, const int32_t *sums, uint32_t step) {
  const uint32_t shift = s->shift, span = s->span, next = s->out_row;
  const int32_t *turn = s->turns + 2 * first, low = s->low;
  const int64_t start = s->start;
  int8_t *place = arena->numbers + to + first * next;
  for (; rows; rows--) {
    const uint64_t scaled = (uint64_t)(start + (int64_t)(*sums + turn[0]) * turn[1]);
    uint32_t steps = (uint32_t)(scaled >> 32);
    if (steps >> 31) steps = 0; /* a negative number */
    steps >>= shift;
    if (steps > span) steps = span;
    *place = (int8_t)(low + (int32_t)steps);
    sums += step, turn += 2, place += next;
  }
}

/* Sums of rows at the n-th position become levels. */
static void model_give_at(model_arena *arena, const model_int_layer *s, uint32_t first, uint32_t rows, uint32_t n,
                          const int32_t *sums, uint32_t step) {
  const uint32_t o = n / s->inner, i = n % s->inner;
  const uint32_t to = s->out + o * s->out_outer + i * s->out_inner, more = s->more + o * s->more_outer + i * s->more_inner;
  uint32_t r;
  if (!s->order && !s->adds) model_give_all(arena, s, first, rows, to, sums, step);
  else
    for (r = 0; r < rows; r++) model_give(arena, s, model_row_of(s, first + r), to, more, sums[r * step]);
}

static uint32_t model_in(const model_int_layer *s, uint32_t n) {
  return n / s->inner * s->in_outer + n % s->inner * s->in_inner;
}

/* Sums of a group's rows at the positions from the n-th on become levels. */
static void model_give_group(model_arena *arena, const model_int_layer *s, model_group g, uint32_t first, uint32_t rows,
                             uint32_t n) {
  const uint32_t left = s->outer * s->inner - n;
  while (rows) {
    const uint32_t some = rows < MODEL_WAITING ? rows : MODEL_WAITING;
    uint32_t k;
#if MODEL_PAIRS
    if (g.pairs) model_quads_of(s->form, arena->sums, arena->scratch, some, &g);
    else
#endif
      model_quads(arena->sums, arena->scratch, g.values, some, g.blocks, g.count, g.taps, g.hop);
    for (k = 0; k < 4 && k < left; k++) model_give_at(arena, s, first, some, n + k, arena->sums + k, 4);
    model_on(&g, some);
    first += some, rows -= some;
  }
}

static void model_image(model_arena *arena, const model_int_layer *s) {
  const uint32_t positions = s->outer * s->inner, ahead = s->window ? 1 : 4;
  const model_place *starts = s->starts;
  model_group now;
  uint32_t sheet, group = 0, row = 0;
  now.values = s->values, now.pairs = s->pairs, now.blocks = s->blocks, now.count = 0, now.hop = s->hop;
  for (sheet = 0; sheet < s->sheets; sheet++) {
    const uint32_t laid = s->laid[sheet * s->laid_step], members = s->members[sheet * s->members_step];
    const uint32_t offset = s->offsets[sheet * s->offsets_step];
    model_group g = now;
    model_block c;
    uint32_t n, w, k, m, rows = 0;
    c.bytes = s->bytes ? s->bytes + offset : 0;
    c.wide = s->wide ? s->wide + offset : 0;
    now.taps = c.taps = s->taps[sheet * s->taps_step];
    c.fours = s->fours[sheet * s->fours_step];
    for (n = 0; n < positions; n += ahead) {
      const uint32_t base = model_in(s, n);
      for (w = 0; w < s->windows; w += 4) {
        uint32_t at[4];
        for (k = 0; k < 4; k++) {
          if (s->window) at[k] = base + s->window[w + k < s->windows ? w + k : s->windows - 1];
          else at[k] = model_in(s, n + k < positions ? n + k : positions - 1);
        }
        model_lay(arena, starts, laid, at, c, !s->pairs);
        g = now, rows = 0;
        for (m = group; m < group + members; m++) {
          const uint32_t own = s->rows[m * s->rows_step];
          g.count = s->columns[m * s->columns_step];
          if (!s->window) model_give_group(arena, s, g, row + rows, own, n);
#if MODEL_PAIRS
          else if (g.pairs) model_tops_of(s->form, arena->sums + rows, arena->scratch, own, &g, w == 0);
#endif
          else model_tops(arena->sums + rows, arena->scratch, g.values, own, g.blocks, g.count, g.taps, g.hop, w == 0);
          model_on(&g, own);
          if (!g.hop) g.blocks += g.count;
          rows += own;
        }
      }
      if (s->window) model_give_at(arena, s, row, rows, n, arena->sums, 1);
    }
    now = g;
    starts += laid, group += members, row += rows;
  }
}
