// Decisions: which samples leave at an exit, for the policies whose score is a formula.
//
// A score is computed in a form that is fast, with a bound on what rounding may move it by, in this form and in PyTorch's.
// Where it lies within that bound of its threshold, the policy itself is asked: so every decision is the policy's own.

#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace seesaw {

// Which samples leave, boolean (n,), by their logits at the exits so far, (exits so far, n, classes).
using Ask = std::function<at::Tensor(const at::Tensor&)>;

// The policies' own numbers, in the order of FORMULAS in deciding.py. `kAsked` is no formula: the policy is always asked.
enum Formula { kConfidence = 0, kEntropy = 1, kMargin = 2, kPatience = 3, kVotes = 4, kNought = 5, kAsked = 6 };

// Samples on their way from exit to exit.
struct Passed {
  std::vector<int64_t> where;                 // the number of each in the batch
  std::vector<at::Tensor> logits;             // of every exit so far, contiguous float32 (n, classes)
  std::vector<std::vector<int64_t>> answers;  // at every exit so far; -1 where logits are NaN

  explicit Passed(int64_t samples);
  void add(const at::Tensor& answer);
  void keep(const std::vector<int64_t>& rows);
};

// The rows of a tensor (n, ...), contiguous.
at::Tensor taken(const at::Tensor& x, const std::vector<int64_t>& rows);

class Decider {
 public:
  // thresholds: of every exit.
  Decider(int64_t formula, std::vector<double> thresholds);

  // Which of the samples leave at the last of the exits that they have passed.
  std::vector<bool> leaving(const Passed& passed, const Ask& ask) const;

  // The same for logits (exits so far, n, classes), of samples that pass from the first exit on: boolean (n,).
  at::Tensor decide(const at::Tensor& logits, const Ask& ask) const;

  // The scores at the last of these exits, and how far rounding may have moved each: float64 (2, n).
  at::Tensor scores(const at::Tensor& logits) const;

 private:
  int64_t formula_;
  std::vector<double> thresholds_;
};

}  // namespace seesaw
