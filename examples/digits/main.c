/* Answers to ten digits: each leaves at the first exit whose confidence suffices. The same file for every machine. */
#include <stdio.h>

#include "model.h"
#include "samples.h"

static model_arena arena;

int main(void) {
  int n, right = 0;
  for (n = 0; n < SAMPLES; n++) {
    int at = MODEL_END, answer;
    model_start(&arena, samples[n]);
    for (;;) {
      const int next = model_next(&arena);
      if (next == MODEL_END) break;
      at = next;
      if (model_leaves(&arena, MODEL_CONFIDENCE)) break;
    }
    answer = model_answer(&arena);
    right += answer == labels[n];
    printf("a %d is called %d, at exit %d\n", labels[n], answer, at);
  }
  printf("%d of %d right; the arena has %d bytes\n", right, SAMPLES, (int)MODEL_ARENA_BYTES);
  return 0;
}
