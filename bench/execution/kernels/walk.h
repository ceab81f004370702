// Walks: a batch from exit to exit in one call; samples that are ready leave, and the others go on together.

#pragma once

#include <tuple>

#include "decide.h"

namespace seesaw {

// A chain from one exit to the next: the arguments of `chain` beside the samples. Its first output goes on, its last is
// the exit's logits.
struct Stretch {
  at::Tensor steps, index, values;
  std::vector<int64_t> counts;
};

class Walk {
 public:
  // sizes: of batches, ascending. stretches: of each size, from the first exit to the last.
  Walk(std::vector<int64_t> sizes, std::vector<std::vector<Stretch>> stretches);

  // The exit of every sample, int64 (N,), its logits there, (N, classes), and the seconds within stretches.
  std::tuple<at::Tensor, at::Tensor, double> run(const at::Tensor& x, const Decider& decider, const Ask& ask) const;

 private:
  const std::vector<Stretch>& ready(int64_t batch) const;

  std::vector<int64_t> sizes_;
  std::vector<std::vector<Stretch>> stretches_;
};

}  // namespace seesaw
