/* Reads samples as float32, and writes what the generated code makes of each: answers, decisions, the frame. */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"

static model_arena arena;

int main(int argc, char **argv) {
  static float x[MODEL_INPUTS];
  (void)argv;
  while (fread(x, sizeof *x, MODEL_INPUTS, stdin) == MODEL_INPUTS) {
    int at;
#ifdef MODEL_RECEIVED_BYTES
    if (argc > 1) { /* what damaged frames leave untouched */
      static uint8_t frame[MODEL_RECEIVED_BYTES];
      if (model_receive(&arena, frame, sizeof frame)) return 2;
    }
#endif
    (void)argc;
    model_start(&arena, x);
    while ((at = model_next(&arena)) != MODEL_END) {
      fwrite(model_logits(&arena), sizeof(float), MODEL_CLASSES, stdout);
#ifdef ASK
      {
        unsigned char leaves[3];
        leaves[0] = (unsigned char)model_leaves(&arena, MODEL_CONFIDENCE);
        leaves[1] = (unsigned char)model_leaves(&arena, MODEL_ENTROPY);
        leaves[2] = (unsigned char)model_leaves(&arena, MODEL_MARGIN);
        fwrite(leaves, 1, 3, stdout);
      }
#endif
      if (model_answer(&arena) < 0) return 1;
    }
    if (model_next(&arena) != MODEL_END) return 1;
#ifdef MODEL_FRAME_BYTES
    {
      /* on the heap, so that a byte too many is found */
      uint8_t *frame = malloc(MODEL_FRAME_BYTES);
      if (!frame) return 1;
      model_encode(&arena, frame);
      fwrite(frame, 1, MODEL_FRAME_BYTES, stdout);
      free(frame);
    }
#endif
  }
  return 0;
}
