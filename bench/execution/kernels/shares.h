// Shares of work among threads.

#pragma once

#include <ATen/Parallel.h>

namespace seesaw {

constexpr int64_t kWorth = 1 << 18;  // MACs for which a second thread pays

// MACs that take as long as to begin a chunk, to gather a number, and to move one of each other two.
constexpr int64_t kBegun = 600, kGathered = 20, kMoved = 8;

// Calls some(begin, end) for shares of `count` things, which are `work` MACs together, in as many threads as pay.
template <class Some>
void in_shares(int64_t count, int64_t work, Some some) {
  int64_t grain = std::max<int64_t>(1, count * kWorth / std::max<int64_t>(work, 1));
  if (count <= grain)
    some(0, count);
  else
    at::parallel_for(0, count, grain, some);
}

}  // namespace seesaw
