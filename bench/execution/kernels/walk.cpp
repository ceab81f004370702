// Walks through chains (bench/network/walk.py has the same for any stretches).

#include "walk.h"


#include <chrono>

#include "chain.h"
#include "tensors.h"

namespace seesaw {

Walk::Walk(std::vector<int64_t> sizes, std::vector<std::vector<Stretch>> stretches)
    : sizes_(std::move(sizes)), stretches_(std::move(stretches)) {
  TORCH_CHECK(!sizes_.empty() && sizes_.size() == stretches_.size(), "sizes: as many as there are lists of stretches");
  for (const auto& one : stretches_)
    TORCH_CHECK(!one.empty() && one.size() == stretches_[0].size(), "stretches: as many for every size");
}

// The stretches of the largest size of at most twice this batch, else of the smallest.
const std::vector<Stretch>& Walk::ready(int64_t batch) const {
  size_t at = 0;
  for (size_t n = 1; n < sizes_.size(); ++n)
    if (sizes_[n] <= 2 * batch) at = n;
  return stretches_[at];
}

std::tuple<at::Tensor, at::Tensor, double> Walk::run(const at::Tensor& x, const Decider& decider, const Ask& ask) const {
  using Clock = std::chrono::steady_clock;
  Clock::duration inside{};
  Passed passed(x.size(0));
  at::Tensor now = x.contiguous(), exits = empty({x.size(0)}, at::kLong), logits;
  size_t last = stretches_[0].size() - 1;
  for (size_t exit = 0; exit <= last && !passed.where.empty(); ++exit) {
    const Stretch& own = ready(passed.where.size())[exit];
    auto begun = Clock::now();
    std::vector<at::Tensor> outputs = chain(now, own.steps, own.index, own.values, own.counts);
    inside += Clock::now() - begun;
    passed.add(outputs.back());
    now = outputs.front();
    const at::Tensor& answer = passed.logits.back();
    int64_t classes = answer.size(1);
    if (exit == 0) logits = empty({x.size(0), classes});
    TORCH_CHECK(classes == logits.size(1), "stretches: their exits have other numbers of classes");
    std::vector<bool> gone =
        exit == last ? std::vector<bool>(passed.where.size(), true) : decider.leaving(passed, ask);
    std::vector<int64_t> stay;
    for (size_t n = 0; n < gone.size(); ++n) {
      if (!gone[n]) {
        stay.push_back(n);
        continue;
      }
      exits.data_ptr<int64_t>()[passed.where[n]] = exit;
      std::copy_n(answer.const_data_ptr<float>() + n * classes, classes, logits.data_ptr<float>() + passed.where[n] * classes);
    }
    if (stay.size() == gone.size()) continue;
    passed.keep(stay);
    if (!stay.empty()) now = taken(now, stay);
  }
  return {exits, logits, std::chrono::duration<double>(inside).count()};
}

}  // namespace seesaw
