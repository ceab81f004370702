"""An index of half a byte a weight: what it takes, and the same answers by it."""

import numpy as np
import pytest
import torch
from torch import nn

from bench import Net, Sample, hide
from bench.execution.row_groups import Group, groups_of
from bench.shipping.c.code import code_of
from bench.shipping.c.halves import halves_of
from bench.shipping.c.host import compiled


def read(halves, columns):
    """The weights (rows, columns) as a reader of the format takes them from it, half byte by half byte."""
    weight, at, taken = np.zeros((halves.rows, columns), int), 0, 0
    for row in range(halves.rows):
        count = int(halves.index[at])
        packed = halves.index[at + 1 : at + 1 + (count + 1) // 2]
        place = halves.start - 1
        for n in range(count):
            if n < count // 8 * 8:
                byte, high = packed[n // 8 * 4 + n % 4], n % 8 >= 4
            else:
                byte, high = packed[n // 2], n % 2 == 1
            place += (int(byte) >> 4 if high else int(byte) & 15) + 1
            weight[row, place] += halves.values[taken + n]
        at, taken = at + 1 + len(packed), taken + count
    assert (at, taken) == (len(halves.index), len(halves.values))
    return weight


def layers_of(weight):
    groups = groups_of(weight, weight != 0)
    return [(group, group.columns) for group in groups]


@pytest.mark.parametrize("density", [0.1, 0.125, 0.25])
def test_what_is_written_is_the_weights(density):
    drawn = np.random.default_rng(0)
    weight = drawn.integers(1, 127, (64, 300)).astype(np.int8)
    weight[drawn.random(weight.shape) > density] = 0
    weight[3] = 0  # a row of nothing
    weight[4:6, 299] = [1, 2]
    halves = halves_of(layers_of(weight))
    assert halves is not None
    assert np.array_equal(read(halves, 300), weight)
    assert len(halves.values) + len(halves.index) < 2 * (weight != 0).sum()


@pytest.mark.parametrize("gap", [1, 15, 16, 17, 32, 33, 300])
def test_gaps_of_any_length_lead_to_their_columns(gap, monkeypatch):
    monkeypatch.setattr("bench.shipping.c.halves.SAVED", -1000)
    weight = np.zeros((2, 700), np.int8)
    weight[0, [7, 7 + gap, 8 + 2 * gap]] = [5, -6, 7]
    weight[1, 7 + gap] = -8
    halves = halves_of(layers_of(weight))
    assert halves is not None
    assert halves.start == 7
    assert np.array_equal(read(halves, 700), weight)


def test_weights_of_zero_take_nothing():
    drawn = np.random.default_rng(0)
    mask = drawn.random((64, 300)) < 0.2
    weight = drawn.integers(1, 127, mask.shape).astype(np.int8)
    full = halves_of([(one, one.columns) for one in groups_of(weight, mask)])
    weight[:, ::2] = 0
    half = halves_of([(one, one.columns) for one in groups_of(weight, mask)])
    assert full is not None
    assert half is not None
    assert len(half.values) < 0.8 * len(full.values)
    assert np.array_equal(read(half, 300), np.where(mask, weight, 0))


def test_rows_that_share_columns_or_are_few_or_long_keep_their_index():
    two = Group(np.arange(2), np.arange(0, 300, 3), np.ones((100, 2), np.int8))
    assert halves_of([(two, two.columns)]) is None
    few = np.eye(8, dtype=np.int8)
    assert halves_of(layers_of(few)) is None
    long = np.random.default_rng(0).random((64, 2400)) < 0.125
    assert halves_of(layers_of(long.astype(np.int8))) is None


def free(inputs, outputs, density):
    """A network of one layer with a mask of its own for every weight."""
    layer = nn.Linear(inputs, outputs)
    hide(layer, torch.rand(layer.weight.shape, generator=torch.Generator().manual_seed(1)) < density)
    net = Net([nn.Sequential(nn.Flatten(), layer, nn.ReLU())], Sample((1, 1, inputs)), 3)
    net.hang(0, nn.Linear(outputs, 3))
    return net.eval()


def hold_to_python(code, x):
    """Code of one exit of three classes, under sanitizers, gives for samples (N, ...) what int8 gives in Python."""
    assert code.ints is not None
    flags = ("-O1", "-Wshadow", "-fsanitize=undefined", "-fno-sanitize-recover=all")
    with compiled(code, 3, flags) as host:
        ours = np.stack([host.run(one.numpy()).logits[0] for one in x])
    assert np.array_equal(ours, code.ints.run(x.numpy())[0][0])


@pytest.mark.usefixtures("c_compiler")
@pytest.mark.parametrize("density", [0.1, 0.125, 0.25])
def test_the_answers_are_those_of_python_under_sanitizers(density):
    torch.manual_seed(0)
    net, x = free(301, 67, density), torch.randn(6, 1, 1, 301)
    code = code_of(net.whole(), "", {}, torch.randn(16, 1, 1, 301))
    assert "model_halves(arena" in code.source
    hold_to_python(code, x)


def test_a_layer_of_free_weights_takes_no_gaps_of_whole_bytes():
    net = free(301, 67, 0.125)
    code = code_of(net.whole(), "", {}, torch.randn(16, 1, 1, 301))
    weights = int((torch.rand(67, 301, generator=torch.Generator().manual_seed(1)) < 0.125).sum())
    assert "#define MODEL_BYTES 0" in code.source
    others = 8 * 67 + 3 * (67 + 8 + 4) + 16
    assert weights < code.tables < 1.8 * weights + others
