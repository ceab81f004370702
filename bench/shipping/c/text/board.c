/* Runs a part on an emulated board: takes samples (float32, or frames for a server's part) from the file `samples`, and
   writes into `answers` what the part makes of each, with ticks of the board's clock; at the end the bytes of stack that
   the part has touched. Files, and the end, by semihosting; what depends on the processor is in
   machine.h. */
#include <stdint.h>

#include "model.h"

enum { OPEN = 1, CLOSE = 2, WRITE = 5, READ = 6, EXIT = 0x20 };
enum { STOPPED = 0x20026, FAULT = 0x20023 };

extern uint32_t runner_data[], runner_data_end[], runner_data_load[], runner_bss[], runner_bss_end[];
extern uint32_t runner_stack_top[], runner_stack_low[];

void runner_reset(void);
void runner_fault(void);
void runner_main(void);

#include "machine.h"

__attribute__((section(".arena"))) static model_arena arena;
#ifdef MODEL_RECEIVED_BYTES
static uint8_t sample[MODEL_RECEIVED_BYTES];
#else
static float sample[MODEL_INPUTS];
#endif
#ifdef MODEL_FRAME_BYTES
static uint8_t frame[MODEL_FRAME_BYTES];
#endif

#define PAINT 0xa5c35a3cu

static void finish(uint32_t reason, uint32_t status) {
  const uint32_t words[2] = {reason, status};
  for (;;) host(EXIT, words);
}

static uint32_t opened(const char *name, uint32_t length, uint32_t mode) {
  const uint32_t words[3] = {(uint32_t)(uintptr_t)name, mode, length};
  const uint32_t file = host(OPEN, words);
  if (file == 0xffffffffu) finish(STOPPED, 3);
  return file;
}

/* Bytes that could not be read. */
static uint32_t taken(uint32_t file, void *to, uint32_t bytes) {
  const uint32_t words[3] = {file, (uint32_t)(uintptr_t)to, bytes};
  return host(READ, words);
}

static void given(uint32_t file, const void *from, uint32_t bytes) {
  const uint32_t words[3] = {file, (uint32_t)(uintptr_t)from, bytes};
  if (host(WRITE, words)) finish(STOPPED, 4);
}

void runner_fault(void) { finish(FAULT, 5); }

static uint32_t since(uint64_t begin) { return (uint32_t)(clock_now() - begin); }

__attribute__((noinline)) static void run(uint32_t samples, uint32_t answers) {
  uint64_t begin;
  uint32_t ticks;
  while (taken(samples, sample, sizeof sample) == 0) {
    begin = clock_now();
#ifdef MODEL_RECEIVED_BYTES
    if (!model_receive(&arena, sample, sizeof sample)) finish(STOPPED, 2);
#else
    model_start(&arena, sample);
#endif
    ticks = since(begin);
    given(answers, &ticks, sizeof ticks);
    for (;;) {
      int at;
      begin = clock_now();
      at = model_next(&arena);
      ticks = since(begin);
      given(answers, &ticks, sizeof ticks);
      if (at == MODEL_END) break;
      given(answers, model_logits(&arena), MODEL_CLASSES * sizeof(float));
#ifdef MODEL_POLICIES
      {
        uint32_t policy;
        for (policy = 0; policy < MODEL_POLICIES; policy++) {
          uint32_t leaves;
          begin = clock_now();
          leaves = (uint32_t)model_leaves(&arena, (model_policy)policy);
          ticks = since(begin);
          given(answers, &leaves, sizeof leaves);
          given(answers, &ticks, sizeof ticks);
        }
      }
#endif
    }
#ifdef MODEL_FRAME_BYTES
    begin = clock_now();
    model_encode(&arena, frame);
    ticks = since(begin);
    given(answers, &ticks, sizeof ticks);
    given(answers, frame, sizeof frame);
#endif
  }
}

#ifdef RUNNER_LOOPS
/* Three instructions, so often: what the clock is held against. */
static void loop(uint32_t answers) {
  uint32_t turns = RUNNER_LOOPS, ticks;
  const uint64_t begin = clock_now();
  TURN(turns);
  ticks = since(begin);
  given(answers, &ticks, sizeof ticks);
}
#endif

__attribute__((noinline)) static uint32_t painted(uint32_t samples, uint32_t answers) {
  volatile uint32_t *low = runner_stack_low, *here, *place;
  STACK(here);
  for (place = low; place < here; place++) *place = PAINT; /* what lies below is not in use yet */
  run(samples, answers);
  for (place = low; *place == PAINT; place++) continue;
  return (uint32_t)((uintptr_t)here - (uintptr_t)place);
}

void runner_main(void) {
  uint32_t *to, *from = runner_data_load;
  uint32_t samples, answers, stack;
  for (to = runner_data; to < runner_data_end;) *to++ = *from++;
  for (to = runner_bss; to < runner_bss_end;) *to++ = 0;
  clock_start();
  samples = opened("samples", 7, 1);
  answers = opened("answers", 7, 5);
#ifdef RUNNER_LOOPS
  loop(answers);
#endif
  stack = painted(samples, answers);
  given(answers, &stack, sizeof stack);
  host(CLOSE, &answers);
  finish(STOPPED, 0);
}
