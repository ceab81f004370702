"""Copies of images from which convolutions read whole vectors: the network's answers, and only where they pay."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bench import hide
from bench.execution.chain.chain import chain_of
from bench.execution.chain.compile import program_of
from bench.execution.chain.planes import Window
from bench.execution.chain.tape import watch
from bench.execution.program.encode import FIELDS, PLANES
from bench.execution.program.layout import LINE, row_of
from bench.execution.program.program import Affine, Planes, Zero
from bench.execution.unsupported import Unsupported


def conv(inputs, outputs, *way, density=0.5):
    layer = nn.Conv2d(inputs, outputs, *way)
    hide(layer, torch.rand_like(layer.weight) < density)
    return layer


def steps_in(module, x, kind):
    program = program_of(watch(module, lambda x: [module(x)], x[:1]), 1)
    return [step for step in program.steps if isinstance(step, kind)]


def planes_in(module, x):
    return steps_in(module, x, Planes)


class Block(nn.Module):
    """A block with a shortcut, as ResNets have it, its image strided and added."""

    def __init__(self, *, stride):
        super().__init__()
        self.first, self.second = conv(3, 40, 3, stride, 1), conv(40, 40, 3, 1, 1)
        self.short = nn.Conv2d(3, 40, 1, stride)
        self.head = nn.Linear(40, 5)

    def forward(self, x):
        y = F.relu(self.second(F.relu(self.first(x))) + self.short(x))
        return self.head(F.max_pool2d(y, 3, 2, 1).mean((2, 3)))


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("size", [4, 7, 8, 14, 16, 32, (8, 16), (6, 20)])
@pytest.mark.parametrize(
    "way", [(3, 1, 1), (3, 2, 1), (5, 1, 2), (5, 2, 2), (3, 1, 2, 2), ((1, 3), 1, (0, 1)), (7, 2, 3)]
)
def test_convolutions_on_copies_give_the_networks_answers(way, size):
    size = size if isinstance(size, tuple) else (size, size)
    torch.manual_seed(0)
    module = nn.Sequential(
        conv(3, 96, *way, density=0.9), nn.BatchNorm2d(96), nn.ReLU(), nn.Conv2d(96, 4, 1)
    ).eval()
    x = torch.randn(3, 3, *size)
    stride = way[1]
    fits = all(
        n % stride == 0 for n in size
    )  # else the phases of the stride are not all as wide as the result
    assert bool(planes_in(module, x)) == fits
    chain = chain_of(module, lambda x: [module(x)], x[:1], 1)
    assert (PLANES in chain.code.steps[1:, FIELDS.index("op")].tolist()) == fits
    with torch.no_grad():
        chain(torch.full_like(x, torch.nan))  # what another sample left behind in the room is nobody's number
        torch.testing.assert_close(chain(x)[0], module(x), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_whose_images_are_copied_added_and_pooled(stride):
    torch.manual_seed(0)
    module, x = Block(stride=stride).eval(), torch.randn(2, 3, 16, 16)
    program = program_of(watch(module, lambda x: [module(x)], x[:1]), 1)
    assert sum(isinstance(step, Planes) for step in program.steps) == 2
    assert not any(isinstance(step, Zero) for step in program.steps)
    convs = [step for step in program.steps if isinstance(step, Affine) and step.length > 1]
    assert {step.length for step in convs} == {256 // stride**2}  # one run without zeros between the rows
    chain = chain_of(module, lambda x: [module(x)], x[:1], 1)
    with torch.no_grad():
        torch.testing.assert_close(chain(x)[0], module(x), rtol=1e-4, atol=1e-5)


class Joined(nn.Module):
    """An image put together of two others, one below the other or side by side."""

    def __init__(self, side, kernel):
        super().__init__()
        self.a, self.b, self.side = nn.Conv2d(3, 1, 1), nn.Conv2d(3, 1, 1), side
        self.c = conv(1, 64, kernel, 1, kernel // 2, density=0.9)
        self.d = conv(64, 64, 3, 1, 1)

    def forward(self, x):
        return self.d(self.c(torch.cat([self.a(x), self.b(x)], self.side)))


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize(("side", "size"), [(2, (8, 8)), (2, (1, 16)), (3, (1, 16)), (2, (4, 16))])
def test_an_image_put_together_of_two_buffers_is_copied(kernel, side, size):
    torch.manual_seed(0)
    module, x = Joined(side, kernel).eval(), torch.randn(2, 3, *size)
    chain = chain_of(module, lambda x: [module(x)], x[:1], 1)
    with torch.no_grad():
        torch.testing.assert_close(chain(x)[0], module(x), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize(("size", "dilation"), [(4, 4), (8, 12), (16, 40)])
def test_a_copy_without_a_number_of_the_image_reads_nothing(size, dilation):
    torch.manual_seed(0)
    module, x = conv(3, 96, 3, 1, dilation, dilation, density=0.9), torch.randn(2, 3, size, size)
    chain = chain_of(module, lambda x: [module(x)], x[:1], 1)
    with torch.no_grad():
        torch.testing.assert_close(chain(x)[0], module(x), rtol=1e-4, atol=1e-5)
    (step,) = [row for row in chain.code.steps[1:].tolist() if row[0] == PLANES]
    at, copies, channels = (step[FIELDS.index(name)] for name in ("index", "places", "count"))
    begin, first, last = chain.code.index[at : at + 3 * copies].reshape(3, -1).tolist()
    images = chain.code.index[at + 3 * copies : at + 3 * copies + channels * copies].reshape(channels, -1)
    read = [n for n in range(copies) if last[n] > first[n]]
    assert len(read) < copies
    for n in read:
        assert int(images[:, n].min()) + begin[n] + first[n] >= 0
        assert int(images[:, n].max()) + begin[n] + last[n] <= int(chain.code.steps[0, 1])


def test_a_convolution_by_a_result_is_refused_with_its_layers_name():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            return F.conv2d(x, self.inner(x)[:, :, :3, :3], padding=1)

    module, x = Own().eval(), torch.zeros(1, 3, 8, 8)
    with pytest.raises(Unsupported):
        program_of(watch(module, lambda x: [module(x)], x), 1)


def test_every_run_begins_where_a_vector_does():
    for size in (4, 7, 14, 16):
        module = conv(3, 96, 3, 1, 1, density=0.9)
        (layer,) = steps_in(module, torch.zeros(1, 3, size, size), Affine)
        assert (layer.columns % LINE == 0).all()


def test_a_copy_has_the_images_numbers_where_its_tap_reads_them_and_zeros_elsewhere():
    module, x = conv(2, 96, 3, 1, 1, density=0.9), torch.zeros(1, 2, 5, 4)
    (copies,), (layer,) = planes_in(module, x), steps_in(module, x, Affine)
    image = np.arange(1, 21).reshape(5, 4)
    around = np.pad(image, 1)
    size = copies.there.shape[1]
    flat = np.concatenate([np.zeros(size), image.reshape(-1), np.zeros(size)])
    moved = [flat[size + begin : 2 * size + begin] for begin in copies.begin]
    room = np.where(copies.there, moved, 0).reshape(-1)
    for tap, place in enumerate(layer.columns[:9] - copies.out):
        expected = around[tap // 3 : tap // 3 + 5, tap % 3 : tap % 3 + 4]
        assert (room[place : place + 20].reshape(5, 4) == expected).all()


def test_rows_are_somewhat_longer_where_they_then_fill_vectors():
    rows = {width: row_of(width) for width in (4, 5, 7, 8, 10, 13, 14, 16, 20, 28, 31, 56, 112)}
    longer = {7: 8, 14: 16, 28: 32, 31: 32}
    assert rows == {width: longer.get(width, width) for width in rows}


def test_taps_that_are_whole_vectors_apart_share_a_copy():
    taps = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    for size, copies in ((32, 3), (16, 3), (14, 3), (8, 6), (7, 6), (4, 9), (13, 9)):
        assert len(Window(taps, (1, 1), (size, size), (size, size)).planes()) == copies


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(24, 24, 3, padding=1, groups=24),  # few weights for each number
        nn.Sequential(conv(3, 96, 3, 1, 1), conv(96, 8, 3, 1, 1)),  # one layer pays, both together do not
        nn.Conv2d(3, 96, 3, padding=2),  # a result wider than the image
        nn.Conv2d(3, 96, 3),  # nothing past the edge
    ],
)
def test_no_copies_where_they_do_not_pay(module):
    channels = next(module.parameters()).shape[1] if not isinstance(module, nn.Conv2d) else module.in_channels
    assert not planes_in(module, torch.zeros(1, channels, 12, 12))
