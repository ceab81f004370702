// A convolution that is trained on the weights that exist: a run is a block of images in planes (planes.h).

#include "layers.h"
#include "planes.h"
#include "trained.h"

namespace seesaw {
namespace {

constexpr int64_t kTile = 32;  // vectors of a run that all chunks go through before the next ones

// Calls some(lane, lanes) for all tiles of a run.
template <class Some>
void tiles(int64_t length, Some some) {
  for (int64_t lane = 0; lane < length; lane += kTile * kLanes) some(lane, std::min(kTile * kLanes, length - lane));
}

at::Tensor last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

// The index with places of a block instead of columns, all of them checked.
at::Tensor placed(const Layer& layer, const at::Tensor& index, const Planes& planes, int64_t rows) {
  check(layer, planes.channels * planes.down.kernel * planes.across.kernel, rows);
  at::Tensor own = index.clone();
  int32_t* list = own.data_ptr<int32_t>();
  for (const Chunk* c = layer.chunks; c < layer.chunks + layer.count; ++c)
    for (int64_t k = 0; k < c->places; ++k) list[c->place + k] = planes.place(layer.index[c->place + k]);
  return own;
}

// The tensors of a thread for gradients.
struct Gradients {
  at::Tensor in, gradient, back;
  float* grown;
};

}  // namespace

// x: (N, channels, height, width) float32. values: of all chunks. bias: (rows). geometry: kernel, stride, padding and
// dilation. Gives (N, rows, ...), channels last.
at::Tensor conv(const at::Tensor& x, const at::Tensor& values, const at::Tensor& bias, const at::Tensor& chunks,
                const at::Tensor& index, at::IntArrayRef geometry) {
  TORCH_CHECK(x.dim() == 4 && x.scalar_type() == at::kFloat, "x: float32 (N, channels, height, width)");
  Planes planes(x, geometry);
  int64_t rows = bias.size(0), line = planes.line();
  Layer layer = trained(values, chunks, index, 1);
  at::Tensor own = placed(layer, index, planes, rows), start = bias.contiguous(), pixels = last(x);
  layer.index = own.data_ptr<int32_t>();
  layer.bias = start.data_ptr<float>();
  at::Tensor y =
      empty({x.size(0), rows, planes.down.out, planes.across.out}, at::kFloat, at::MemoryFormat::ChannelsLast);
  planes.blocks(x.size(0), [&] {
    at::Tensor in = zeros({planes.total()}), out = empty({rows * line});
    return [&, in, out](int64_t first, int64_t count) {
      float *from = in.data_ptr<float>(), *to = out.data_ptr<float>();
      planes.in(pixels.data_ptr<float>(), first, count, from);
      tiles(planes.length(count), [&](int64_t lane, int64_t lanes) {
        Step step = {};
        step.outer = step.inner = 1;
        step.length = lanes, step.out_row = line;
        for (const Chunk* c = layer.chunks; c < layer.chunks + layer.count; ++c)
          kAlong[c->rows](layer, c, c + 1, from + lane, to + lane, nullptr, nullptr, step);
      });
      planes.results(first, count, [&](int64_t result, int64_t place) {
        collect(to + place, nullptr, line, planes.across.out, rows, y.data_ptr<float>() + result * rows, 0, rows);
      });
    };
  });
  return y;
}

// gradient: (N, rows, ...). Gives the gradients of x (channels last; empty without `inputs`) and of the values.
std::tuple<at::Tensor, at::Tensor> conv_backward(const at::Tensor& gradient, const at::Tensor& x,
                                                 const at::Tensor& values, const at::Tensor& chunks,
                                                 const at::Tensor& index, at::IntArrayRef geometry, bool inputs) {
  TORCH_CHECK(x.dim() == 4 && x.scalar_type() == at::kFloat, "x: float32 (N, channels, height, width)");
  Planes planes(x, geometry);
  int64_t line = planes.line();
  TORCH_CHECK(gradient.dim() == 4 && gradient.size(0) == x.size(0) && gradient.size(2) == planes.down.out &&
                  gradient.size(3) == planes.across.out && gradient.scalar_type() == at::kFloat,
              "gradient: float32 (N, rows, height, width)");
  int64_t rows = gradient.size(1);
  Layer whole = trained(values, chunks, index, 1);
  at::Tensor own = placed(whole, index, planes, rows), pixels = last(x), results = last(gradient);
  whole.index = own.data_ptr<int32_t>();
  whole.line = line;
  at::Tensor back = empty({0}), grown = zeros({at::get_num_threads(), values.numel()});
  if (inputs) back = empty(x.sizes(), at::kFloat, at::MemoryFormat::ChannelsLast).zero_();
  auto lines = [&] {
    std::vector<int32_t> starts(rows);
    for (int64_t row = 0; row < rows; ++row) starts[row] = row * line;
    return starts;
  }();
  planes.blocks(x.size(0), [&] {
    Gradients own = {zeros({planes.total()}), zeros({rows * line + 8 * kLanes}),
                     empty({inputs ? planes.total() : 0}),
                     grown.data_ptr<float>() + at::get_thread_num() * values.numel()};
    return [&, own](int64_t first, int64_t count) {
      float *in = own.in.data_ptr<float>(), *g = own.gradient.data_ptr<float>(), *to = own.back.data_ptr<float>();
      if (count < planes.images) own.gradient.zero_();
      planes.in(pixels.data_ptr<float>(), first, count, in);
      planes.results(first, count, [&](int64_t result, int64_t place) {
        spread(results.data_ptr<float>() + result * rows, planes.across.out, rows, planes.across.out, lines.data(),
               g + place, 0, rows);
      });
      if (inputs) own.back.zero_();
      tiles(planes.length(count), [&](int64_t lane, int64_t lanes) {
        Layer layer = whole;
        layer.length = lanes;
        for (const Chunk* c = layer.chunks; c < layer.chunks + layer.count; ++c) {
          kGrow[c->rows](layer, *c, in + lane, g + lane, own.grown);
          if (inputs) kBack[c->rows](layer, *c, g + lane, to + lane, lanes / kLanes);
        }
      });
      if (inputs) planes.out(to, first, count, back.data_ptr<float>());
    };
  });
  return {back, grown.sum(0).reshape(values.sizes())};
}

}  // namespace seesaw
