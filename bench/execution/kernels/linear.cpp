// A linear layer that is trained on the weights that exist: a run is the batch, feature-major.

#include "layers.h"
#include "trained.h"

namespace seesaw {
namespace {

// Shares of the features, in whole vectors, among the threads.
template <class Some>
void in_blocks(int64_t features, int64_t stride, Some some) {
  int64_t blocks = (features + kLanes - 1) / kLanes;
  at::parallel_for(0, blocks, (1 << 15) / std::max<int64_t>(kLanes, stride * kLanes) + 1, [&](int64_t begin, int64_t end) {
    some(begin * kLanes, std::min(end * kLanes, features));
  });
}

// A batch (N, features) as (features, stride), the stride a multiple of kLanes; numbers past the batch are zero.
at::Tensor across(const at::Tensor& x, int64_t stride) {
  at::Tensor rows = x.contiguous(), turned = empty({x.size(1) * stride + kLanes * 8});
  in_blocks(x.size(1), stride, [&](int64_t begin, int64_t end) {
    spread(rows.data_ptr<float>(), x.size(0), x.size(1), stride, nullptr, turned.data_ptr<float>(), begin, end);
  });
  return turned;
}

// The inverse of `across`: a batch (N, features).
at::Tensor along_batch(const at::Tensor& turned, int64_t stride, int64_t batch, int64_t features) {
  at::Tensor x = empty({batch, features});
  in_blocks(features, stride, [&](int64_t begin, int64_t end) {
    collect(turned.data_ptr<float>(), nullptr, stride, batch, features, x.data_ptr<float>(), begin, end);
  });
  return x;
}

}  // namespace

// x: (N, inputs) float32. values: of all chunks. bias: (rows). Gives (N, rows).
at::Tensor linear(const at::Tensor& x, const at::Tensor& values, const at::Tensor& bias, const at::Tensor& chunks,
                  const at::Tensor& index) {
  TORCH_CHECK(x.dim() == 2 && x.scalar_type() == at::kFloat, "x: float32 (N, inputs)");
  int64_t batch = x.size(0), stride = whole(batch), rows = bias.size(0);
  Layer layer = trained(values, chunks, index, stride);
  check(layer, x.size(1), rows);
  at::Tensor start = bias.contiguous(), in = across(x, stride), out = empty({rows, stride});
  layer.bias = start.data_ptr<float>();
  Step step = {};
  step.outer = step.inner = 1;
  step.length = step.out_row = stride;
  in_shares(layer.count, values.numel() * stride, [&](int64_t begin, int64_t end) {
    for (const Chunk* c = layer.chunks + begin; c < layer.chunks + end; ++c)
      kAlong[c->rows](layer, c, c + 1, in.data_ptr<float>(), out.data_ptr<float>(), nullptr, nullptr, step);
  });
  return along_batch(out, stride, batch, rows);
}

// gradient: (N, rows). Gives the gradients of the inputs (N, inputs; empty without `inputs`) and of the values.
std::tuple<at::Tensor, at::Tensor> linear_backward(const at::Tensor& gradient, const at::Tensor& x,
                                                   const at::Tensor& values, const at::Tensor& chunks,
                                                   const at::Tensor& index, bool inputs) {
  TORCH_CHECK(gradient.dim() == 2 && gradient.size(0) == x.size(0) && gradient.scalar_type() == at::kFloat,
              "gradient: float32 (N, rows)");
  int64_t batch = x.size(0), stride = whole(batch), work = values.numel() * stride;
  Layer layer = trained(values, chunks, index, stride);
  check(layer, x.size(1), gradient.size(1));
  at::Tensor in = across(x, stride), turned = across(gradient, stride), grown = zeros(values.sizes());
  const float* g = turned.data_ptr<float>();
  in_shares(layer.count, work, [&](int64_t begin, int64_t end) {
    for (const Chunk* c = layer.chunks + begin; c < layer.chunks + end; ++c)
      kGrow[c->rows](layer, *c, in.data_ptr<float>(), g, grown.data_ptr<float>());
  });
  if (!inputs) return {empty({0}), grown};
  at::Tensor back = zeros({x.size(1), stride});
  constexpr int64_t kSome = 2;  // vectors of lanes at once: their inputs and outputs stay in the cache
  int64_t tiles = (stride + kSome * kLanes - 1) / (kSome * kLanes);
  in_shares(tiles, work, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at)
      for (int64_t n = 0; n < layer.count; ++n) {
        int64_t lane = at * kSome * kLanes;
        kBack[layer.chunks[n].rows](layer, layer.chunks[n], g + lane, back.data_ptr<float>() + lane,
                                    std::min<int64_t>(kSome, (stride - lane) / kLanes));
      }
  });
  return {along_batch(back, stride, batch, x.size(1)), grown};
}

}  // namespace seesaw
