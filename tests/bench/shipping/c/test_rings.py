"""One index for rows that are turns of one another: what is written, and the same answers by it."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from bench import Net, Sample, hide
from bench.execution.program.layout import ABSENT
from bench.execution.row_groups import groups_of
from bench.shipping.c.code import code_of
from bench.shipping.c.host import compiled
from bench.shipping.c.rings import ring_of
from tests.bench.shipping.c.test_halves import hold_to_python

PLENTY = 1 << 20


def read(ring):
    """The weights (rows, length) as a reader of the format takes them from it, gap by gap."""
    weight, gaps, values, row = np.zeros((len(ring.order), ring.length), int), ring.gaps, ring.values, 0
    for rows in ring.rows.tolist():
        count = int(np.flatnonzero(gaps == 0)[0]) + 1
        ways, gaps = np.concatenate([[0], np.cumsum(gaps[: count - 1], dtype=int)]), gaps[count:]
        fours = rows // 4 * 4
        levels = [values[: fours * count].reshape(-1, count, 4).transpose(0, 2, 1).reshape(-1, count)]
        levels += [values[fours * count : rows * count].reshape(-1, count)]
        for own in np.concatenate(levels):
            weight[ring.order[row], (ring.begins[row] + ways) % ring.length] = own
            row += 1
        values = values[rows * count :]
    assert (row, len(gaps), len(values)) == (len(ring.order), 0, 0)
    return weight


def turned(rows, length, columns, by, held=None):
    """Weights of rows that read these columns, each `by` further around than the one before; none behind the inputs held."""
    drawn, weight = np.random.default_rng(0), np.zeros((rows, length), np.int8)
    for row in range(rows):
        weight[row, (columns + row * by) % length] = drawn.integers(1, 127, len(columns))
    weight[:, held or length :] = 0
    return weight


def layers_of(weight):
    return [(group, group.columns) for group in groups_of(weight, weight != 0)]


def places(length, held):
    return np.where(np.arange(length) < held, np.arange(length), ABSENT)


SOME = np.array([0, 3, 4, 11, 19, 20, 31, 40])


@pytest.mark.parametrize("rows", [4, 7, 16])
@pytest.mark.parametrize("by", [1, 5, 9])
def test_what_is_written_is_the_weights(rows, by):
    weight = turned(rows, 100, SOME, by)
    ring = ring_of(layers_of(weight), np.arange(100), PLENTY)
    assert ring is not None
    assert np.array_equal(read(ring), weight)
    assert len(ring.gaps) == len(SOME) * len(ring.rows)


def test_rows_of_several_lists_are_written_list_by_list():
    weight = np.empty((18, 100), np.int8)
    weight[::2], weight[1::2] = turned(9, 100, SOME, 10), turned(9, 100, 2 * SOME, 10)
    ring = ring_of(layers_of(weight), np.arange(100), PLENTY)
    assert ring is not None
    assert ring.rows.tolist() == [9, 9]
    assert np.array_equal(read(ring), weight)


def test_columns_among_zeros_behind_the_inputs_are_missing_and_rows_alike_still():
    weight = turned(20, 100, SOME, 5, held=90)
    ring = ring_of(layers_of(weight), places(100, 90), PLENTY)
    assert ring is not None
    assert (ring.held, ring.length, ring.rows.tolist()) == (90, 100, [20])
    assert np.array_equal(read(ring)[:, :90], weight[:, :90])


def test_weights_of_zero_keep_their_place():
    weight = turned(8, 100, SOME, 10)
    mask = weight != 0
    weight[3] = 0
    ring = ring_of([(one, one.columns) for one in groups_of(weight, mask)], np.arange(100), PLENTY)
    assert ring is not None
    assert ring.rows.tolist() == [8]
    assert np.array_equal(read(ring), weight)


def test_rows_that_are_no_turns_or_lie_apart_or_save_nothing_keep_their_index():
    free = np.random.default_rng(0).integers(0, 8, (80, 100)) == 0
    assert ring_of(layers_of(free.astype(np.int8)), np.arange(100), PLENTY) is None
    weight = turned(64, 100, SOME, 1)
    assert ring_of(layers_of(weight), 2 * np.arange(100), PLENTY) is None
    assert ring_of(layers_of(weight), np.arange(100), 500) is None
    assert ring_of(layers_of(weight), np.arange(100), 600) is not None
    far = turned(64, 600, np.array([0, 256, 300]), 1)
    assert ring_of(layers_of(far), np.arange(600), PLENTY) is None


class Filled(nn.Module):
    """Flattens, and adds zeros behind."""

    def forward(self, x):
        return functional.pad(x.flatten(1), (0, 19))


def sliding(length=320, rows=70):
    """A network of one layer whose rows are turns of three lists of columns."""
    drawn = np.random.default_rng(1)
    lists = [np.sort(drawn.choice(length - 40, 40, replace=False)) for _ in range(3)]
    mask = np.zeros((rows, length), bool)
    for row in range(rows):
        mask[row, (lists[row % 3] + 7 * row) % length] = True
    layer = nn.Linear(length, rows)
    hide(layer, torch.from_numpy(mask))
    net = Net([nn.Sequential(Filled(), layer, nn.ReLU())], Sample((1, 1, length - 19)), 3)
    net.hang(0, nn.Linear(rows, 3))
    return net.eval()


@pytest.mark.usefixtures("c_compiler")
def test_the_answers_are_those_of_python_under_sanitizers():
    torch.manual_seed(0)
    net, x = sliding(), torch.randn(6, 1, 1, 301)
    code = code_of(net.whole(), "", {}, torch.randn(16, 1, 1, 301))
    assert "model_rings(arena" in code.source
    hold_to_python(code, x)


@pytest.mark.usefixtures("c_compiler")
@pytest.mark.parametrize("rows", [70, 12, 21])
def test_the_answers_of_float32_are_those_of_the_network_under_sanitizers(rows):
    torch.manual_seed(0)
    net, x = sliding(rows=rows), torch.randn(6, 1, 1, 301)
    code = code_of(net.whole(), "", {})
    assert "model_rings(numbers" in code.source
    flags = ("-O1", "-Wshadow", "-fsanitize=undefined", "-fno-sanitize-recover=all")
    with compiled(code, 3, flags) as host:
        ours = np.stack([host.run(one.numpy()).logits[0] for one in x])
    np.testing.assert_allclose(ours, net(x)[0].detach().numpy(), rtol=1e-5, atol=1e-6)


def test_float32_by_turns_takes_fewer_constants_and_the_inputs_twice_of_the_arena():
    net = sliding()
    turned = code_of(net.whole(), "", {})
    weights = int((net.stages[0][1].weight != 0).sum())
    assert turned.tables < 4 * weights + 3 * 40 + 4 * 2 * 70 + 4 * (70 + 3 * 71 + 3)
    assert "#define MODEL_SCRATCH 640" in turned.header
    assert turned.arena > 4 * 640
