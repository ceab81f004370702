// Layers that are trained on the weights that exist, forward and backward: operators of PyTorch (call.cpp registers them).

#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace seesaw {

at::Tensor linear(const at::Tensor& x, const at::Tensor& values, const at::Tensor& bias, const at::Tensor& chunks,
                  const at::Tensor& index);
std::tuple<at::Tensor, at::Tensor> linear_backward(const at::Tensor& gradient, const at::Tensor& x,
                                                   const at::Tensor& values, const at::Tensor& chunks,
                                                   const at::Tensor& index, bool inputs);
at::Tensor conv(const at::Tensor& x, const at::Tensor& values, const at::Tensor& bias, const at::Tensor& chunks,
                const at::Tensor& index, at::IntArrayRef geometry);
std::tuple<at::Tensor, at::Tensor> conv_backward(const at::Tensor& gradient, const at::Tensor& x,
                                                 const at::Tensor& values, const at::Tensor& chunks,
                                                 const at::Tensor& index, at::IntArrayRef geometry, bool inputs);

}  // namespace seesaw
