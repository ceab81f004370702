"""Networks whose layers hold only the weights that exist, for as long as they are trained."""

import copy
from contextlib import suppress

import pytest
import torch
from torch import nn

from bench import Method, Net, Sample, hide, mask_from, masked
from bench.execution.lean.conv import PackedConv
from bench.execution.lean.lean import lean_layers
from bench.execution.lean.linear import PackedLinear
from bench.execution.lean.products import PRODUCTS
from bench.plugins.plugin import choose
from bench.runs.training.callbacks import Log
from bench.runs.training.checkpoint import Checkpoints
from bench.shipping.packed.pack import inference_state, pack, restore
from bench.testing import AllExits, trained

PREDEFINED = ("block", "clash-free", "diagonal", "group", "kernel", "radix", "random", "shared", "sparse")
GROUPED = ("block", "diagonal", "group", "radix", "shared")
"""Those whose rows share whole channels."""


def method_of(name):
    return choose(Method, f"{name}[density=0.25,nearest=true]").plugin


def net_of(*layers, sample=(3, 8, 8)):
    net = Net([*layers, nn.Flatten()], Sample(sample), 3)
    net.hang(len(layers), nn.LazyLinear(3))
    net(net.sample.blank())
    return net


def sparse_conv(inputs, outputs, spec="sparse[density=0.5,nearest=true]@0", **more):
    layer = nn.Conv2d(inputs, outputs, 3, **({"padding": 1} | more))
    hide(layer, mask_from(spec, layer.weight.shape), spec)
    return layer


def trained_lean(method, log=None, only=None, monkeypatch=None):
    """The tiny network, trained lean; by one product alone where it is named."""
    net, budget = trained(method, AllExits(), train=False, log=log)
    budget.lean = True
    if only is not None:
        monkeypatch.setattr(
            "bench.execution.lean.lean.fastest_product", lambda layer, _: PRODUCTS[only].of(layer)
        )
    AllExits().fit(net, budget, method)
    return net


@pytest.mark.parametrize(
    ("name", "product"),
    [(name, one) for name in PREDEFINED for one in PRODUCTS if one != "grouped" or name in GROUPED],
    indirect=["product"],
)
def test_every_predefined_method_trains_lean_as_with_its_masks(name, product, monkeypatch):
    usual, _ = trained(method_of(name), AllExits())
    convs = [layer for _, layer, _ in masked(usual) if isinstance(layer, nn.Conv2d)]
    assert len(convs) == 1
    assert PRODUCTS[product].of(convs[0]) is not None
    assert (PRODUCTS["grouped"].of(convs[0]) is not None) == (name in GROUPED)
    batches = []
    monkeypatch.setattr(PackedConv, "forward", lambda self, x: batches.append(len(x)) or self.product(x, self.values, self.bias))  # fmt: skip
    lean = trained_lean(method_of(name), only=product, monkeypatch=monkeypatch)
    assert batches.count(16) == 16
    for (key, one), other in zip(lean.state_dict().items(), usual.state_dict().values(), strict=True):
        torch.testing.assert_close(
            one, other, atol=2e-3, rtol=2e-3, msg=lambda text, key=key: f"{key}: {text}"
        )


def test_the_log_names_the_product_of_every_lean_layer(fresh):
    log = Log()
    net = trained_lean(method_of("shared"), log)
    lean = {name for name, _, _ in masked(net)}
    assert lean
    assert set(log.products) == lean
    assert set(log.products.values()) <= set(PRODUCTS)


@pytest.mark.parametrize("name", PREDEFINED)
def test_what_was_trained_lean_packs_and_comes_back(name):
    net = trained_lean(method_of(name))
    for _, layer, mask in masked(net):
        assert not layer.weight[~mask].any()
    twin = copy.deepcopy(net)
    data = pack(net, "pattern")
    for layer in (one for _, one, _ in masked(twin)):
        nn.init.zeros_(layer.weight)
    restore(twin, data)
    for key, tensor in inference_state(net).items():
        assert torch.equal(inference_state(twin)[key], tensor), key
    x = net.sample.blank(2)
    program = torch.export.export(net.eval(), (x,)).module()
    torch.testing.assert_close(program(x)[-1], net(x)[-1])


class _Killed(BaseException):
    """Stands in for a signal that ends a run."""


def test_lean_training_that_is_cut_short_goes_on_to_the_same_network(product, tmp_path, monkeypatch):
    whole = trained_lean(method_of("group"), only=product, monkeypatch=monkeypatch)

    def end(index, epoch):
        if index == 0:
            raise _Killed

    log = Log(ended=end, checkpoints=Checkpoints(tmp_path, {}))
    with pytest.raises(_Killed):
        trained_lean(method_of("group"), log, product, monkeypatch)
    log = Log(checkpoints=Checkpoints(tmp_path, {}))
    resumed = trained_lean(method_of("group"), log, product, monkeypatch)
    assert len(log.epochs) == 2
    for one, other in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_layers_with_a_pattern_are_packed_for_a_while_and_come_back_with_what_they_learnt():
    conv, dense = sparse_conv(8, 6), nn.Conv2d(3, 8, 3, padding=1)
    net = net_of(dense, conv).to(memory_format=torch.channels_last)
    before, layout = conv.weight.detach().clone(), conv.weight.stride()
    with lean_layers(net, batch=2) as moved:
        packed = net.stages[1]
        assert isinstance(packed, PackedConv)
        assert net.stages[0] is dense
        assert moved == {id(conv.weight): packed.values, id(conv.bias): packed.bias}
        assert id(conv.weight) not in map(id, net.parameters())
        assert conv.weight.numel() == 0
        with torch.no_grad():
            packed.values.add_(1)
            packed.bias.fill_(3)
    assert net.stages[1] is conv
    assert torch.equal(conv.weight, (before + 1) * conv.weight_mask)
    assert conv.weight.stride() == layout
    assert bool((conv.bias == 3).all())


def test_layers_come_back_when_training_breaks_off():
    net = net_of(sparse_conv(3, 6))
    with suppress(KeyboardInterrupt), lean_layers(net):
        assert isinstance(net.stages[0], PackedConv)
        raise KeyboardInterrupt
    assert isinstance(net.stages[0], nn.Conv2d)


def test_a_pruned_layer_stays_as_it_is():
    layer = nn.Conv2d(3, 6, 3)
    hide(layer, torch.rand_like(layer.weight) < 0.5)
    with lean_layers(net_of(layer)) as moved:
        assert not moved


def test_hooks_of_a_layer_run_on_its_replacement():
    conv, hooked = sparse_conv(3, 6), []
    net = net_of(conv)
    conv.register_forward_hook(lambda module, inputs, out: hooked.append(module))
    with lean_layers(net):
        hooked.clear()
        net(net.sample.blank())
        assert hooked == [net.stages[0]]
    assert len(conv._forward_pre_hooks) == 0


def test_packing_leaves_no_trace_in_the_network(monkeypatch):
    net = net_of(nn.BatchNorm2d(3), sparse_conv(3, 6)).train()
    state = copy.deepcopy(net.state_dict())
    shapes = []
    monkeypatch.setattr(
        "bench.execution.lean.lean.fastest_product", lambda layer, shape: shapes.append(shape)
    )
    with lean_layers(net, batch=7):
        assert net.training
    assert shapes == [(7, 3, 8, 8)]
    for key, tensor in net.state_dict().items():
        assert torch.equal(tensor, state[key]), key


def test_a_convolution_that_the_network_never_comes_by_is_packed_too():
    net = net_of(nn.Conv2d(3, 3, 3))
    net.stages[0].aside = sparse_conv(3, 4)
    with lean_layers(net):
        assert isinstance(net.stages[0].aside, PackedConv)


def test_linear_layers_and_one_dimensional_convolutions_are_packed_together():
    line = "sparse[density=0.5,nearest=true]@0"
    conv, linear = nn.Conv1d(4, 8, 3), nn.Linear(8, 8)
    for layer in (conv, linear):
        hide(layer, mask_from(line, layer.weight.shape), line)
    net = net_of(conv, nn.AdaptiveAvgPool1d(1), nn.Flatten(), linear, sample=(4, 9))
    x = torch.randn(2, 4, 9)
    expected = net(x)[0]
    with lean_layers(net):
        assert [type(net.stages[n]) for n in (0, 3)] == [PackedConv, PackedLinear]
        torch.testing.assert_close(net(x)[0], expected)
