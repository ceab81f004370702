"""Chains against the networks they were made from.

Covers: bench/execution/chain/affine.py, bench/execution/chain/builder.py, bench/execution/chain/compile.py,
    bench/execution/chain/fusions.py, bench/execution/chain/pools.py, bench/execution/chain/tape.py,
    bench/execution/chain/views.py, bench/execution/chain/windows.py, bench/execution/program/allocate.py,
    bench/execution/program/buffers.py, bench/execution/program/encode.py, bench/execution/program/forms.py,
    bench/execution/program/layer_rows.py, bench/execution/program/layout.py,
    bench/execution/program/program.py, bench/execution/unsupported.py
"""

import copy
from dataclasses import replace
from typing import get_args

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from bench import Net, Sample, hide, mask_from
from bench.execution.chain.chain import LEAST, chain_of
from bench.execution.program.encode import FIELDS, INPUT, OUTPUT
from bench.execution.program.forms import Form, forms_of
from bench.execution.unsupported import Unsupported
from bench.network.heads import GeneralKind, MixedPool, head_of
from bench.plugins.plugin import choose

pytestmark = pytest.mark.usefixtures("compiler")

BACKBONES = {
    "mlp[widths=17:10]": (1, 8, 8),
    "lenet": (1, 12, 12),
    "resnet[depth=8,width=0.5]": (3, 16, 16),
    "resnet[depth=8,width=0.5,shortcut=conv]": (3, 9, 9),
    "resnet18[width=0.125]": (3, 16, 16),
    "vgg[depth=11,width=0.125]": (3, 32, 32),
    "mobilenet[width=0.25]": (3, 16, 16),
}
METHODS = (
    "dense",
    "sparse[nearest=true]",
    "shared[nearest=true,outputs=4]",
    "diagonal[nearest=true]",
    "kernel[nearest=true]",
    "monarch",
)


class Seed:
    seed, device, cut = 0, torch.device("cpu"), None


def network(spec, shape, method="dense"):
    """A network with three exits, whose batch norms have statistics of their own, and with a method's masks."""
    from bench.kinds.backbone import Backbone
    from bench.kinds.method import Method

    backbone = choose(Backbone, spec).plugin
    net = Net(backbone.stages(Sample(shape)), Sample(shape), 10)
    last = len(net.stages) - 1
    for stage in sorted({last // 3, 2 * last // 3, last}):
        net.hang(stage, backbone.head(net.shapes[stage], 10))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    plugin = choose(Method, method).plugin
    plugin.replace(net)
    plugin.prepare(net, Seed())
    return net.eval()


def agree(chain, module, x):
    with torch.no_grad():
        for ours, theirs in zip(chain(x), module(x), strict=True):
            assert ours.shape == theirs.shape
            assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max().clamp(min=LEAST)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("spec", BACKBONES)
def test_every_backbone_runs_as_a_chain_with_equal_logits_at_every_exit(spec, method):
    shape = BACKBONES[spec]
    net = network(spec, shape, method)
    for lanes in (1, 8):
        chain = chain_of(net, net, Sample(shape).blank(), lanes, lambda layer, room: forms_of(layer)[0])
        agree(chain, net, torch.randn(11, *shape))


@pytest.mark.parametrize("kind", get_args(GeneralKind))
@pytest.mark.parametrize("shape", [(6, 16, 16), (6, 7, 7), (6, 14, 9), (5, 1, 1), (12,)])
def test_every_kind_of_head_runs_in_a_chain(kind, shape):
    first = nn.Conv2d(shape[0], shape[0], 3, padding=1) if len(shape) == 3 else nn.Linear(*shape * 2)
    head = head_of(kind, shape, 10)
    for module in head.modules():
        if isinstance(module, MixedPool):
            nn.init.constant_(module.mixture, 0.3)
    module = nn.Sequential(first, nn.ReLU(), head).eval()
    x = torch.randn(9, *shape)
    for lanes in (1, 8):
        chain = chain_of(module, lambda x: [module(x)], x[:1], lanes, lambda layer, room: forms_of(layer)[0])
        agree(chain, lambda x: [module(x)], x)


@pytest.mark.parametrize(
    "scale",
    [
        lambda x: x * 0.5,
        lambda x: -2 * F.relu(x),
        lambda x: x * torch.arange(6.0)[:, None, None],
        lambda x: (x * 3 + x).mul_(torch.tensor([0.25])),
        lambda x: F.max_pool2d(x, 2) * 0.3 + F.avg_pool2d(x, 2, ceil_mode=True)[..., :4, :4] * 0.7,
        lambda x: F.avg_pool2d(x, 3, padding=1, count_include_pad=False),
        lambda x: F.avg_pool2d(x, 3, stride=2, ceil_mode=True),
    ],
)
def test_results_are_scaled_and_averaged_to_the_edge(scale):
    layer = nn.Conv2d(3, 6, 3, padding=1)

    def run(x):
        return [scale(layer(x))]

    for lanes in (1, 8):
        chain = chain_of(layer, run, torch.zeros(1, 3, 9, 9), lanes, lambda layer, room: forms_of(layer)[0])
        agree(chain, run, torch.randn(9, 3, 9, 9))


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (lambda x: x * x, "multiplies two results"),
        (lambda x: x * torch.rand(9), "different numbers"),
        (lambda x: x.mean(1, keepdim=True) * torch.rand(6, 1, 1), "another shape"),
        (lambda x: F.avg_pool2d(x, 3, padding=1), "an edge that counts"),
        (lambda x: F.avg_pool2d(x, 3, divisor_override=2), "an edge that counts"),
    ],
)
def test_products_and_means_that_no_step_takes_are_refused(run, reason):
    layer = nn.Conv2d(3, 6, 3, padding=1)
    with pytest.raises(Unsupported, match=reason):
        chain_of(layer, lambda x: [run(layer(x))], torch.zeros(1, 3, 9, 9), 1)


@pytest.mark.parametrize("form", ["runs 8", "runs 1", "runs 16", "broadcast 16", "broadcast 64", "slide 16", "slide 64", "gather 16", "gather 32", "lookup 16"])  # fmt: skip
@pytest.mark.parametrize(("inputs", "outputs"), [(64, 64), (48, 144), (144, 48), (96, 36)])
def test_every_form_computes_the_same_layer(form, inputs, outputs):
    name, rows = form.split()
    layer = nn.Linear(inputs, outputs)
    net = Net([layer, nn.ReLU()], Sample((inputs,)), 3)
    net.hang(1, nn.Linear(outputs, 3))
    from bench.kinds.method import Method

    choose(Method, "diagonal[density=0.25]").plugin.prepare(net, Seed())
    used = []

    def choose_form(layer, room):
        forms = forms_of(layer)
        chosen = next((form for form in forms if form.name == name), forms[0])
        used.append(chosen.name)
        return Form(chosen.name, int(rows)) if chosen.name == name else chosen

    chain = chain_of(net, net, Sample((inputs,)).blank(), 1, choose_form)
    agree(chain, net, torch.randn(5, inputs))
    assert name in used


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_random_convolutions_with_random_masks(data):
    draw = data.draw
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    inputs, outputs = groups * draw(st.integers(1, 5)), groups * draw(st.integers(1, 9))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = tuple(draw(st.integers(0, k - 1)) for k in kernel)
    dilation = draw(st.integers(1, 2))
    size = draw(st.tuples(st.integers(8, 13), st.integers(8, 13)))
    lanes, batch = draw(st.sampled_from([1, 3, 8, 16])), draw(st.integers(1, 20))
    torch.manual_seed(draw(st.integers(0, 99)))
    first = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups)
    second = nn.Conv2d(outputs, 3, 3, padding=1)
    for layer in (first, second):
        hide(layer, torch.rand_like(layer.weight) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])))
    module = nn.Sequential(first, nn.ReLU(), nn.BatchNorm2d(outputs), second, nn.ReLU6()).eval()
    x = torch.randn(batch, inputs, *size)
    blocks, strip = draw(st.sampled_from([1, 1, 2, 3])), draw(st.sampled_from([0, 16, 48]))

    def choose_form(layer, room):
        form = forms_of(layer)[0]
        return replace(form, blocks=blocks, strip=strip) if form.name == "runs" else form

    chain = chain_of(module, lambda x: [module(x)], x[:1], lanes, choose_form)
    agree(chain, lambda x: [module(x)], x)


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize(("blocks", "strip"), [(1, 0), (4, 0), (1, 96), (2, 32)])
def test_blocks_of_columns_and_strips_of_a_run_compute_the_same_layer(blocks, strip, more):
    layer, x = nn.Conv2d(16, 12, 3, padding=1), torch.randn(2, 16, 12, 12)
    hide(layer, torch.rand_like(layer.weight) < 0.2)

    def run(x):
        return [F.relu(layer(x) + x[:, :12])] if more else [F.relu(layer(x))]

    chain = chain_of(layer, run, x[:1], 1, lambda *_: Form("runs", 8, blocks, strip))
    agree(chain, run, x)
    affine = chain.code.steps[1:, FIELDS.index("op")] == 0
    assert int(affine.sum()) == blocks
    assert (chain.code.steps[1:][affine, FIELDS.index("places")] == strip).all()


def test_rows_of_their_own_read_places_of_sixteen_bits_where_these_reach():
    layer = nn.Conv2d(64, 8, 1)
    hide(layer, torch.rand_like(layer.weight) < 0.5)
    lists = {}
    for size in (4, 40, 41):  # 64 channels of 16, 1600 and 1681 pixels
        x = torch.randn(1, 64, size, size)
        chain = chain_of(layer, lambda x: [layer(x)], x, 1, lambda *_: Form("runs", 8))
        agree(chain, lambda x: [layer(x)], x)
        steps = chain.code.steps[1:]
        (step,) = steps[steps[:, 0] == 0]
        lists[size] = [int(step[FIELDS.index(name)]) for name in ("count", "index")]
    assert lists == {
        4: [1, 16],
        40: [1, 16],
        41: [0, 1],
    }  # counted in vectors where every channel begins at one


def test_forms_that_keep_inputs_near_are_offered_to_large_layers_of_free_patterns_alone():
    offered = {}
    for name, channels in (("large", 64), ("small", 2)):
        layer = nn.Conv2d(channels, 16, 3, padding=1)
        hide(layer, torch.rand_like(layer.weight) < 0.3)
        chain_of(
            layer,
            lambda x, layer=layer: [layer(x)],
            torch.zeros(1, channels, 32, 32),
            1,
            lambda one, room, name=name: offered.setdefault(name, forms_of(one))[0],
        )
    assert {(form.blocks > 1, form.strip > 0) for form in offered["large"]} == {
        (True, False), (False, False), (False, True),
    }  # fmt: skip
    assert all(form.blocks == 1 and not form.strip for form in offered["small"])
    assert str(Form("runs", 8, 3)) == "runs 8 in 3 blocks"
    assert str(Form("runs", 8, strip=96)) == "runs 8 in strips of 96"


class Moves(nn.Module):
    """Shuffles, slices, paddings, concatenations, additions and pools around convolutions."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1, groups=3)
        self.c, self.d = nn.Conv2d(16, 5, 3, stride=2, padding=1), nn.Linear(5 * 4, 7)
        self.norm, self.pooled = nn.BatchNorm2d(4), nn.BatchNorm2d(5)

    def forward(self, x):
        x = self.norm(x)
        y = F.relu(self.a(x))
        z = self.b(y.unflatten(1, (3, 2)).transpose(1, 2).flatten(1, 2)) + y
        joined = torch.cat([F.pad(x, (0, 0, 0, 0, 1, 1)), z.flip(1)[:, :4], y], 1)
        pooled = F.max_pool2d(F.relu(self.c(joined)), 3, stride=2, padding=1)
        means = self.pooled(F.adaptive_avg_pool2d(pooled, 2)) + F.avg_pool2d(pooled, 2)
        return self.d(means.flatten(1)), z.mean((2, 3)), joined


def test_what_only_moves_numbers_is_folded_into_places():
    module = Moves().eval()
    nn.init.normal_(module.norm.running_mean)
    nn.init.uniform_(module.pooled.weight)
    x = torch.randn(5, 4, 16, 16)
    for lanes in (1, 4):
        agree(chain_of(module, module, x[:1], lanes), module, x)


def test_rows_and_columns_may_be_empty():
    layer = nn.Linear(10, 3)
    mask = torch.zeros(3, 10, dtype=torch.bool)
    mask[1, 3] = True
    hide(layer, mask)
    for lanes in (1, 16):
        chain = chain_of(layer, lambda x: [layer(x)], torch.zeros(1, 10), lanes)
        agree(chain, lambda x: [layer(x)], torch.randn(4, 10))


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize(("spec", "size"), [("resnet18[width=0.25]", 16), ("mobilenet", 32)])
def test_two_threads_give_the_same_numbers_as_one(spec, size, samples):
    net = network(spec, (3, size, size), "sparse[nearest=true]")
    chain = chain_of(net, net, net.sample.blank(), 1)
    x = torch.randn(samples, 3, size, size)
    alone = chain(x)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert all(torch.equal(a, b) for a, b in zip(alone, chain(x), strict=True))
    finally:
        torch.set_num_threads(threads)


def test_an_empty_batch_gives_empty_outputs():
    net = network("lenet", (1, 12, 12))
    chain = chain_of(net, net, net.sample.blank(), 8)
    assert [tuple(a.shape) for a in chain(torch.zeros(0, 1, 12, 12))] == [(0, 10)] * 3


def test_an_operation_without_a_step_is_refused_by_name():
    class Odd(nn.Module):
        def forward(self, x):
            return [x.sort(1).values]

    with pytest.raises(Unsupported, match=r"No native step does sort.*PyTorch's kernels"):
        chain_of(Odd(), Odd(), torch.randn(1, 4), 1)


def test_a_chain_that_differs_from_its_network_is_refused():
    """Values that depend on the input in a way that one look cannot see."""

    class Branch(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return [self.layer(x) if len(x) == 1 else self.layer(x) + self.layer(x)]

    module = Branch()
    with pytest.raises(Unsupported, match="differs"):
        chain_of(module, module, torch.randn(1, 4), 1)


def test_the_operator_is_sound_for_torch_compile():
    net = network("lenet", (1, 12, 12), "sparse[nearest=true]")
    chain = chain_of(net, net, net.sample.blank(), 1)
    code, x = chain.code, torch.randn(3, 1, 12, 12)
    args = (x, code.steps, code.index, code.values, code.counts)
    torch.library.opcheck(torch.ops.seesaw.chain.default, args)


def test_ends_of_single_samples_move_by_segments_and_of_blocks_turned():
    net = network("mlp[widths=17:10]", (1, 8, 8))
    for lanes, segments in ((1, 1), (16, 0)):
        steps = chain_of(net, net, net.sample.blank(), lanes).code.steps[1:]
        op, places = FIELDS.index("op"), FIELDS.index("places")
        assert {int(step[places]) for step in steps if step[op] in (INPUT, OUTPUT)} == {segments}


@pytest.mark.parametrize("width", [16, 64, 4096])
def test_rows_that_follow_one_another_take_what_is_added(width):
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
            for layer in (self.first, self.second):
                hide(
                    layer,
                    mask_from(f"shared[density={16 / width},outputs=16,nearest=true]@0", (width, width)),
                )

        def forward(self, x):
            return torch.relu(x + self.second(torch.relu(self.first(x))))

    net = Net([Residual()], Sample((width,)), 3)
    net.hang(0, nn.Linear(width, 3))
    x = torch.randn(5, width)
    with torch.no_grad():
        for output, expected in zip(chain_of(net.eval(), net, x[:1], 1)(x), net(x), strict=True):
            torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-4)


def test_modes_and_tracers_meet_the_operator():
    net = network("mlp[widths=17:10]", (1, 8, 8))
    chain, x = chain_of(net, net, net.sample.blank(), 1), torch.randn(2, 3, 1, 8, 8)
    expected = chain(x[1])
    traced = torch.jit.trace(lambda x: tuple(chain(x)), x[0], check_trace=False)
    compiled = torch.compile(chain.code.run, backend="eager", fullgraph=True)
    with torch.autocast("cpu"):
        within = chain(x[1])
    negated = chain(torch._neg_view(-x[1]))
    with torch.inference_mode():
        inferred = chain(x[1] + 0)
    for outputs in (traced(x[1]), compiled(x[1]), within, negated, inferred):
        assert all(torch.equal(a, b) for a, b in zip(outputs, expected, strict=True))
    assert chain(x[1].clone().requires_grad_())[0].requires_grad
    with torch.profiler.profile() as profile:
        chain(x[1])
    assert "seesaw::chain" in {event.key for event in profile.key_averages()}
    functions = []

    class Recording(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            functions.append(str(func))
            return func(*args, **(kwargs or {}))

    with Recording():
        chain(x[1])
    assert "seesaw.chain.default" in functions

    class Own(torch.Tensor):
        pass

    assert isinstance(chain(x[1].as_subclass(Own))[0], Own)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        assert [tuple(a.shape) for a in chain(mode.from_tensor(x[0]))] == [tuple(a.shape) for a in expected]


def test_the_operator_refuses_other_tensors():
    net = network("mlp[widths=17:10]", (1, 8, 8))
    code = copy.copy(chain_of(net, net, net.sample.blank(), 1).code)
    with pytest.raises(RuntimeError, match="x: contiguous float32"):
        code.run(torch.zeros(1, 64, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="steps: contiguous int64"):
        torch.ops.seesaw.chain(torch.zeros(1, 64), code.steps.int(), code.index, code.values, code.counts)


def test_settled_buffers_that_live_together_do_not_overlap():
    from bench.execution.chain.compile import program_of
    from bench.execution.chain.tape import watch
    from bench.execution.program.allocate import places_of, settle

    net = network("resnet[depth=8,width=0.5]", (3, 16, 16))
    before = program_of(watch(net, net, net.sample.blank()), 1)
    after = settle(before)
    assert sum(b.size for b in after.room.buffers) == sum(b.size for b in before.room.buffers)
    assert max(b.base + b.size for b in after.room.buffers) < 0.6 * before.room.used
    spans = {}
    for n, step in enumerate(before.steps):
        for places in places_of(step):
            for number in np.unique(before.room.of(places[places >= 0])):
                first, _ = spans.get(number, (n, n))
                spans[number] = (first, n)
    moved = dict(
        zip(
            sorted(spans, key=lambda b: (spans[b][0], -before.room.buffers[b].size)),
            after.room.buffers,
            strict=True,
        )
    )
    for one, (begin, end) in spans.items():
        for other, (start, stop) in spans.items():
            if one < other and begin <= stop and start <= end:
                a, b = moved[one], moved[other]
                assert a.base + a.size <= b.base or b.base + b.size <= a.base


class Joined(nn.Module):
    """Layers whose joined results, in two buffers, are added to another layer's."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Conv2d(4, n, 1) for n in (3, 5, 4, 8))

    def forward(self, x):
        y = F.relu(self.c(x))
        return [F.relu(self.d(y) + torch.cat([self.a(x), self.b(x)], 1))]


@pytest.mark.parametrize("lanes", [1, 4])
def test_what_is_added_may_lie_in_several_buffers(lanes):
    module, x = Joined(), torch.randn(6, 4, 5, 5)
    agree(chain_of(module, module, x[:1], lanes), module, x)


def test_bounds_that_follow_one_another():
    for first, second in (((-2, -1), (0, 3)), ((2, 3), (0, 1)), ((-1, 1), (0, 2))):
        module = nn.Sequential(nn.Linear(6, 9), nn.Hardtanh(*first), nn.Hardtanh(*second))
        chain = chain_of(module, lambda x, module=module: [module(x)], torch.zeros(1, 6), 1)
        x = 5 * torch.randn(7, 6)
        assert torch.allclose(chain(x)[0], module(x), atol=1e-5)


def test_a_largest_number_that_is_none_is_none():
    module = nn.MaxPool2d(2)
    x = torch.randn(1, 2, 4, 4)
    chain = chain_of(module, lambda x: [module(x)], x, 1)
    x[0, 1, 2:, 2:] = torch.nan
    x[0, 0, 0, 0] = torch.nan
    assert torch.equal(chain(x)[0].isnan(), module(x).isnan())


class Token(nn.Module):
    """Joins its input with a constant."""

    def __init__(self, number):
        super().__init__()
        self.register_buffer("token", torch.full((1, 4), number))

    def forward(self, x):
        return [torch.cat([x, self.token.expand(len(x), 4)], 1)]


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (Token(1e9), "joins results with constants"),
        (Token(10**9), "joins results with constants"),
        (nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.InstanceNorm2d(1)), "statistics of a batch"),
    ],
)
def test_what_no_chain_may_touch_is_refused(module, reason):
    def run(x):
        output = module.eval()(x)
        return output if isinstance(output, list) else [output]

    with pytest.raises(Unsupported, match=reason):
        chain_of(module, run, torch.randn(1, 4), 1)


@pytest.mark.parametrize("output_of", [lambda x: x[0], lambda x: x.flatten(), lambda x: torch.ones(1, 3)])
def test_an_output_that_is_none_for_each_sample_is_refused(output_of):
    layer = nn.Linear(4, 4)
    with pytest.raises(Unsupported):
        chain_of(layer, lambda x: [output_of(layer(x))], torch.randn(1, 4), 1)


def test_samples_of_another_size_are_refused():
    layer = nn.Linear(64, 4)
    chain = chain_of(layer, lambda x: [layer(x)], torch.zeros(1, 64), 1)
    for width in (10, 128):
        with pytest.raises(RuntimeError, match="x: samples of 64 numbers"):
            chain(torch.ones(2, width))
