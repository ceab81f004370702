"""Products that PyTorch's counter lacks, against formulas and einsum; operators that are not counted, cheap and costly."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bench import Net, Sample, Subject
from bench.measuring.meters.macs import Macs, second_count
from bench.network.macs import StepCost, Tariff, count
from bench.records.notes import COSTLY


class Applied(nn.Module):
    """A function of a feature (N, 10, 8) and of weights of these shapes."""

    def __init__(self, function, *shapes):
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(*shape)) for shape in shapes])

    def forward(self, x):
        return self.function(x, *self.weights)


class Paired(nn.Module):
    """A bilinear layer of a feature with itself."""

    def __init__(self):
        super().__init__()
        self.pairs = nn.Bilinear(8, 8, 6)

    def forward(self, x):
        return self.pairs(x, x)


def net_of(stage):
    net = Net([stage], Sample((10, 8)), 2)
    net.hang(0, nn.Flatten())
    return net


PRODUCTS = {
    "mv": (Applied(lambda x, w: (x @ w)[..., None], (8,)), 10 * 8),
    "addmv": (Applied(lambda x, w, b: torch.addmv(b, x[0], w)[None], (8,), (10,)), 10 * 8),
    "dot": (Applied(lambda x, w: torch.dot(x.flatten(), w).reshape(1, 1), (80,)), 80),
    "mm": (Applied(lambda x, w: x @ w, (8, 6)), 10 * 8 * 6),
    "bmm": (Applied(lambda x: x @ x.mT), 10 * 8 * 10),
    "baddbmm": (Applied(lambda x, w: torch.baddbmm(x, x, w.expand(len(x), 8, 8)), (8, 8)), 10 * 8 * 8),
    "addbmm": (Applied(lambda x, w: torch.addbmm(x[0], x, w[None])[None], (8, 8)), 10 * 8 * 8),
    "einsum": (Applied(lambda x, w: torch.einsum("npi,oi->npo", x, w), (6, 8)), 10 * 8 * 6),
    "bilinear": (Paired(), 10 * 6 * 8 * (8 + 1)),
    "transposed": (nn.ConvTranspose1d(10, 6, 3, stride=2), 8 * 10 * 6 * 3),
    "attention": (Applied(lambda x: F.scaled_dot_product_attention(x, x, x)), 2 * 10 * 10 * 8),
    "cdist": (Applied(lambda x, w: torch.cdist(x, w[None]), (6, 8)), 10 * 6 * 8),
    "lstm": (Applied(lambda x, w, v: torch.lstm(x, (x.new_zeros(1, 1, 8),) * 2, (w, v), False, 1, 0.0, False, False, True)[0],
                     (32, 8), (32, 8)), 10 * 32 * 16),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_is_counted_as_its_formula(name):
    stage, macs = PRODUCTS[name]
    net = net_of(stage)
    assert (Tariff.of(net).upto(0, effective=True), count(net).costly) == (macs, {})
    if name not in {"addbmm", "cdist", "lstm"}:  # unknown to the second counter
        assert second_count(net)[0] == macs


def test_a_bilinear_layer_counts_as_its_einsum_does():
    by_einsum = Applied(lambda x, w: torch.einsum("npi,oij,npj->npo", x, w, x), (6, 8, 8))
    assert count(net_of(Paired())).parts == count(net_of(by_einsum)).parts


def test_products_of_no_layer_cost_three_times_in_training():
    net = net_of(Paired())
    assert StepCost(net, net.parameters()).now() == 3 * Tariff.of(net).upto(0, effective=False)


@pytest.mark.parametrize(
    ("function", "shapes", "costly"),
    [
        (lambda x: (x @ x.mT).matrix_exp(), [], "linalg_matrix_exp"),
        (lambda x: torch.fft.rfft(x).abs(), [], "_fft_r2c"),
        (lambda x, w: (x[..., None, :] * w).sum(-1), [(6, 8)], "mul"),
    ],
)
def test_costly_operators_that_are_not_counted_stand_apart_from_cheap_ones(function, shapes, costly):
    net = net_of(nn.Sequential(nn.Linear(8, 8), nn.ReLU(), Applied(function, *shapes)))
    notes = Macs().measure(Subject(net, torch.device("cpu"))).notes
    assert costly in notes[COSTLY]
    assert costly not in notes["uncounted operators"]
    assert notes["uncounted operators"]["relu"] == 1


def test_copies_and_gates_are_cheap():
    net = net_of(nn.Sequential(nn.Linear(8, 16), nn.GLU(), nn.LayerNorm(8), nn.Softmax(-1), nn.Dropout()))
    assert COSTLY not in Macs().measure(Subject(net, torch.device("cpu"))).notes


def test_additions_that_join_features_are_cheap_beside_few_macs():
    net = net_of(nn.Sequential(nn.Linear(8, 1), Applied(lambda x: x.repeat(1, 1, 64).add_(x) + x)))
    notes = Macs().measure(Subject(net, torch.device("cpu"))).notes
    assert COSTLY not in notes
    assert {"add", "add_"} <= notes["uncounted operators"].keys()


def test_a_module_that_stands_in_two_places_counts_in_each():
    shared, other = nn.Linear(8, 8), nn.Sequential(nn.Linear(8, 8))
    net = Net([shared, other, shared, nn.Sequential(shared, nn.ReLU())], Sample((8,)), 2)
    net.hang(3, nn.Linear(8, 2))
    assert Tariff.of(net).stages == [(64, 64)] * 4
    assert StepCost(net, net.parameters()).now() == 3 * (4 * 64 + 16)
