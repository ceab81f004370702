// A chain as Python calls it. What the dispatcher does for an operator takes longer than a small network, so it is left
// out where nobody listens there: where a mode or a tensor of its own kind (tracing, autocast, torch.func) does, the
// operator is called.

#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/utils/pybind.h>

#include "chain.h"

namespace {

bool listened(const at::Tensor& x) {
  return x.device().type() != at::kCPU || x.key_set().has(c10::DispatchKey::Python) ||
         !(c10::impl::tls_local_dispatch_key_set().included_ - c10::default_included_set).empty();
}

std::vector<at::Tensor> call(const at::Tensor& x, const at::Tensor& steps, const at::Tensor& index,
                             const at::Tensor& values, const std::vector<int64_t>& counts) {
  pybind11::gil_scoped_release others_run;
  if (!listened(x)) return seesaw::chain(x, steps, index, values, counts);
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("seesaw::chain", "")
                       .typed<std::vector<at::Tensor>(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                                      const at::Tensor&, at::IntArrayRef)>();
  return op.call(x, steps, index, values, counts);
}

}  // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) { m.def("chain", call); }
