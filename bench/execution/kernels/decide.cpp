// Scores of logits by formulas, and decisions by thresholds.

#include "decide.h"


#include <cmath>
#include <limits>
#include <numeric>

#include "lanes.h"
#include "tensors.h"

namespace seesaw {
namespace {

constexpr double kUnit = std::numeric_limits<float>::epsilon();
constexpr float kFar = 87;  // logits that lie so far below the largest count nothing

// A score, and how far rounding may have moved it, here and in PyTorch; infinitely where the formula does not hold.
struct Score {
  double value, off;
};

// exp of numbers from -kFar to 0, to two units in the last place (S. Moshier's expf in Cephes).
inline Part exponential(Part x) {
  constexpr float magic = 12582912.f;  // 1.5 x 2^23: the sum's last bits are the whole number
  Part shifted = x * 1.44269504f + magic, n = shifted - magic;
  Part r = x - n * 0.693359375f + n * 2.12194440e-4f;
  Part y = Part{} + 1.9875691500e-4f;
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * r * r + r + 1.f;
  Bits power = (reinterpret_cast<Bits>(shifted) - 0x4B400000 + 127) << 23;
  return y * reinterpret_cast<Part>(power);
}

inline double total(Part x) {
  double sum = 0;
  for (int l = 0; l < kWidth; ++l) sum += x[l];
  return sum;
}

Score score(int64_t formula, const float* x, int64_t classes) {
  float first = -INFINITY, second = -INFINITY;
  bool finite = classes > 1;
  for (int64_t c = 0; c < classes; ++c) {
    finite &= std::isfinite(x[c]);
    second = std::max(second, std::min(first, x[c]));
    first = std::max(first, x[c]);
  }
  if (!finite) return {0, INFINITY};
  Part sum = {}, weighted = {};
  for (int64_t c = 0; c < classes; c += kWidth) {
    Part below = Part{} - kFar;
    if (classes - c >= kWidth)
      below = load_part(x + c) - first;
    else
      for (int64_t l = 0; l < classes - c; ++l) below[l] = x[c + l] - first;
    below = below < -kFar ? Part{} - kFar : below;
    Part e = exponential(below);
    sum += e;
    weighted += e * below;
  }
  double all = total(sum), rounding = kUnit * (classes / 2. + 32 + 2 * std::log(double(classes)));
  if (formula == kConfidence) return {1 / all, rounding};
  if (formula == kMargin) return {(1 - std::exp(std::max(double(second) - first, -double(kFar)))) / all, 2 * rounding};
  return {total(weighted) / all - std::log(all), 4 * rounding * (1 + std::log(double(classes)))};
}

// The largest logit's class, the first of equal ones; -1 where there is NaN.
int64_t answer(const float* x, int64_t classes) {
  int64_t best = 0;
  for (int64_t c = 0; c < classes; ++c) {
    if (std::isnan(x[c])) return -1;
    if (x[c] > x[best]) best = c;
  }
  return best;
}

// How many exits in a row have confirmed a sample's answer.
double confirmed(const std::vector<std::vector<int64_t>>& answers, size_t sample) {
  double count = 0;
  for (size_t e = answers.size() - 1; e > 0; --e, ++count)
    if (answers[e][sample] < 0 || answers[e][sample] != answers[e - 1][sample]) break;
  return count;
}

// How many of the exits so far give a sample's last answer.
double votes(const std::vector<std::vector<int64_t>>& answers, size_t sample) {
  int64_t last = answers.back()[sample];
  double count = 0;
  for (const auto& one : answers) count += last >= 0 && one[sample] == last;
  return count;
}

Score score_of(int64_t formula, const Passed& passed, size_t sample) {
  switch (formula) {
    case kPatience: return {confirmed(passed.answers, sample), 0};
    case kVotes: return {votes(passed.answers, sample), 0};
    case kNought: return {0, 0};
    case kAsked: return {0, INFINITY};
  }
  const at::Tensor& last = passed.logits.back();
  return score(formula, last.const_data_ptr<float>() + sample * last.size(1), last.size(1));
}

Passed passed_of(const at::Tensor& logits) {
  TORCH_CHECK(logits.dim() == 3 && logits.size(0) > 0 && logits.is_cpu(), "logits: (exits so far, n, classes) on the CPU");
  Passed passed(logits.size(1));
  for (int64_t e = 0; e < logits.size(0); ++e) passed.add(logits[e]);
  return passed;
}

}  // namespace

Passed::Passed(int64_t samples) : where(samples) { std::iota(where.begin(), where.end(), 0); }

void Passed::add(const at::Tensor& given) {
  at::Tensor own = given.to(at::kFloat).contiguous();
  TORCH_CHECK(own.dim() == 2 && own.size(0) == static_cast<int64_t>(where.size()) && own.size(1) > 0,
              "logits: of every sample on its way, (n, classes)");
  TORCH_CHECK(logits.empty() || own.size(1) == logits[0].size(1), "logits: exits have other numbers of classes");
  logits.push_back(own);
  std::vector<int64_t> found(where.size());
  for (size_t n = 0; n < where.size(); ++n)
    found[n] = answer(own.const_data_ptr<float>() + n * own.size(1), own.size(1));
  answers.push_back(std::move(found));
}

void Passed::keep(const std::vector<int64_t>& rows) {
  auto kept = [&](std::vector<int64_t>& from) {
    for (size_t n = 0; n < rows.size(); ++n) from[n] = from[rows[n]];
    from.resize(rows.size());
  };
  kept(where);
  for (auto& one : answers) kept(one);
  for (auto& one : logits) one = taken(one, rows);
}

at::Tensor taken(const at::Tensor& x, const std::vector<int64_t>& rows) {
  auto shape = x.sizes().vec();
  int64_t each = x.numel() / std::max<int64_t>(shape[0], 1);
  shape[0] = rows.size();
  at::Tensor some = seesaw::empty(shape);
  float* to = some.data_ptr<float>();
  for (int64_t row : rows) to = std::copy_n(x.const_data_ptr<float>() + row * each, each, to);
  return some;
}

Decider::Decider(int64_t formula, std::vector<double> thresholds) : formula_(formula), thresholds_(std::move(thresholds)) {
  TORCH_CHECK(0 <= formula && formula <= kAsked, "formula: none of the numbers of Formula");
}

std::vector<bool> Decider::leaving(const Passed& passed, const Ask& ask) const {
  size_t exit = passed.logits.size() - 1, samples = passed.where.size();
  TORCH_CHECK(formula_ == kAsked || exit < thresholds_.size(), "thresholds: of fewer exits than there are");
  std::vector<bool> leaves(samples);
  std::vector<int64_t> unsure;
  for (size_t n = 0; n < samples; ++n) {
    if (passed.answers.back()[n] < 0) continue;  // NaN
    Score own = score_of(formula_, passed, n);
    double threshold = formula_ == kAsked ? 0 : thresholds_[exit];
    if (own.off > 0 && !(std::abs(own.value - threshold) > own.off))
      unsure.push_back(n);
    else
      leaves[n] = own.value >= threshold;
  }
  if (unsure.empty()) return leaves;
  int64_t classes = passed.logits[0].size(1), count = unsure.size();
  at::Tensor some = empty({static_cast<int64_t>(exit + 1), count, classes});
  float* to = some.data_ptr<float>();
  for (const auto& one : passed.logits)
    for (int64_t row : unsure) to = std::copy_n(one.const_data_ptr<float>() + row * classes, classes, to);
  at::Tensor own = ask(some).to(at::kCPU, at::kBool).contiguous();
  TORCH_CHECK(own.numel() == count, "leave: it decides for others than it was asked for");
  for (size_t n = 0; n < unsure.size(); ++n) leaves[unsure[n]] = own.const_data_ptr<bool>()[n];
  return leaves;
}

at::Tensor Decider::decide(const at::Tensor& logits, const Ask& ask) const {
  std::vector<bool> leaves = leaving(passed_of(logits), ask);
  at::Tensor found = empty({static_cast<int64_t>(leaves.size())}, at::kBool);
  std::copy(leaves.begin(), leaves.end(), found.data_ptr<bool>());
  return found;
}

at::Tensor Decider::scores(const at::Tensor& logits) const {
  Passed passed = passed_of(logits);
  int64_t samples = passed.where.size();
  at::Tensor found = empty({2, samples}, at::kDouble);
  double* to = found.data_ptr<double>();
  for (int64_t n = 0; n < samples; ++n) {
    Score own = score_of(formula_, passed, n);
    to[n] = own.value, to[samples + n] = own.off;
  }
  return found;
}

}  // namespace seesaw
