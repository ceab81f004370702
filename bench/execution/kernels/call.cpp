// Chains and walks as Python calls them. The dispatcher's work for an operator takes longer than a small network, so it is left out
// where nothing intercepts operators. The operator is called for tensors of another kind (another device, negated, a
// subclass), where gradients are recorded, and under tracing, autocast, torch.func and profilers.

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <pybind11/functional.h>
#include <torch/csrc/utils/pybind.h>
#include <torch/library.h>

#include "chain.h"
#include "lanes.h"
#include "layers.h"
#include "walk.h"
#include "whole.h"

namespace {

// The keys of a plain tensor on the CPU.
constexpr c10::DispatchKeySet kPlain({c10::DispatchKey::CPU, c10::DispatchKey::ADInplaceOrView,
                                      c10::DispatchKey::AutogradCPU, c10::DispatchKey::AutocastCPU});

bool intercepted(const at::Tensor& x) {
  return !(x.key_set() - kPlain).empty() || (x.requires_grad() && at::GradMode::is_enabled()) ||
         !(c10::impl::tls_local_dispatch_key_set().included_ - c10::default_included_set).empty() ||
         at::getStepCallbacksUnlessEmpty(at::RecordScope::FUNCTION).has_value();
}

std::vector<at::Tensor> call(const at::Tensor& x, const at::Tensor& steps, const at::Tensor& index,
                             const at::Tensor& values, const std::vector<int64_t>& counts) {
  pybind11::gil_scoped_release others_run;
  if (!intercepted(x)) return seesaw::chain(x, steps, index, values, counts);
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("seesaw::chain", "")
                       .typed<std::vector<at::Tensor>(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                                      const at::Tensor&, at::IntArrayRef)>();
  return op.call(x, steps, index, values, counts);
}

}  // namespace

TORCH_LIBRARY_IMPL(seesaw, CPU, m) {
  m.impl("chain", seesaw::chain);
  m.impl("linear", seesaw::linear);
  m.impl("linear_backward", seesaw::linear_backward);
  m.impl("conv", seesaw::conv);
  m.impl("conv_backward", seesaw::conv_backward);
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  using others_run = pybind11::call_guard<pybind11::gil_scoped_release>;
  m.def("chain", call);
  m.attr("vectors") = seesaw::kVectors;
  pybind11::class_<seesaw::Decider>(m, "Decider")
      .def(pybind11::init<int64_t, std::vector<double>>())
      .def("decide", &seesaw::Decider::decide, others_run())
      .def("scores", &seesaw::Decider::scores, others_run());
  pybind11::class_<seesaw::Stretch>(m, "Stretch")
      .def(pybind11::init<at::Tensor, at::Tensor, at::Tensor, std::vector<int64_t>>());
  pybind11::class_<seesaw::Walk>(m, "Walk")
      .def(pybind11::init<std::vector<int64_t>, std::vector<std::vector<seesaw::Stretch>>>())
      .def("run", &seesaw::Walk::run, others_run());
  pybind11::class_<seesaw::WholeChain>(m, "WholeChain")
      .def(pybind11::init<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, std::vector<int64_t>>())
      .def("run", &seesaw::WholeChain::run, others_run());
  m.def("whole_rows", seesaw::whole_rows);
  m.def("whole_offset", seesaw::whole_offset);
  m.def("whole_window", seesaw::whole_window);
  m.def("whole_aligned", seesaw::whole_aligned);
  m.attr("whole_by") = seesaw::whole_by();
}
