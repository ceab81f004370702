/* Reads samples as float32, or a server's frames, and writes what the generated code makes of each: answers, decisions,
   the frame. Ends with 2 where a frame is refused. */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"

static model_arena arena;

int main(void) {
#ifdef MODEL_RECEIVED_BYTES
  static uint8_t received[MODEL_RECEIVED_BYTES];
  while (fread(received, 1, sizeof received, stdin) == sizeof received) {
    int at;
    if (!model_receive(&arena, received, sizeof received)) return 2;
#else
  static float x[MODEL_INPUTS];
  while (fread(x, sizeof *x, MODEL_INPUTS, stdin) == MODEL_INPUTS) {
    int at;
    model_start(&arena, x);
#endif
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
