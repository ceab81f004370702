"""Depthwise convolutions over images without zeros around them: the network's answers, whatever else is in the room."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bench import hide
from bench.execution.chain.chain import chain_of
from bench.execution.chain.compile import program_of
from bench.execution.chain.tape import watch
from bench.execution.program.encode import FIELDS
from bench.execution.program.forms import FORMS
from bench.execution.program.program import Affine, Planes, Zero

pytestmark = pytest.mark.usefixtures("compiler")


def conv(inputs, outputs, *way, density=1.0, **more):
    layer = nn.Conv2d(inputs, outputs, *way, **more)
    if density < 1:
        hide(layer, torch.rand_like(layer.weight) < density)
    return layer


def holds(module, x):
    """The chain of a module whose answers are the module's, after a sample of numbers that are none."""
    chain = chain_of(module.eval(), lambda x: [module(x)], x[:1], 1)
    with torch.no_grad():
        chain(torch.full_like(x, torch.nan))  # what another sample left behind in the room is nobody's number
        torch.testing.assert_close(chain(x)[0], module(x), rtol=1e-4, atol=1e-5)
    return chain


def depthwise_in(chain):
    return chain.code.steps[1:, FIELDS.index("form")].tolist().count(FORMS.index("depthwise"))


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2, (2, 1), (1, 2), (3, 1)])
@pytest.mark.parametrize(
    "size",
    [(1, 1), (2, 3), (4, 4), (5, 7), (8, 8), (6, 5), (5, 10), (7, 13), (16, 16), (9, 21), (32, 17), (3, 50)],
)
def test_depthwise_convolutions_of_any_size_give_the_networks_answers(kernel, stride, size):
    torch.manual_seed(0)
    for pad in {1, kernel // 2, (0, 1), (1, 0), (kernel - 1, kernel - 2)}:
        room = [
            n + 2 * p - kernel
            for n, p in zip(size, pad if isinstance(pad, tuple) else (pad, pad), strict=True)
        ]
        if min(room) < 0:
            continue
        layer = conv(7, 7, kernel, stride, pad, groups=7)
        chain = holds(
            nn.Sequential(nn.Conv2d(3, 7, 1), layer, nn.ReLU6(), nn.Conv2d(7, 2, 1)), torch.randn(2, 3, *size)
        )
        assert depthwise_in(chain) == 1


@pytest.mark.parametrize("channels", [2, 3, 4, 5, 17])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("density", [1.0, 0.4])
def test_channels_in_any_number_with_several_results_each_and_with_masks(channels, times, density):
    torch.manual_seed(0)
    layer = conv(channels, channels * times, 3, 1, 1, groups=channels, density=density)
    if density < 1:
        with torch.no_grad():
            mask = torch.rand_like(layer.weight) < density
            mask[0] = False  # a row without weights
            hide(layer, mask)
    for size in (3, 4, 8, 14):
        module = nn.Sequential(layer, nn.BatchNorm2d(channels * times), nn.ReLU())
        module[1].running_mean.uniform_(-1, 1)
        assert depthwise_in(holds(module, torch.randn(2, channels, size, size))) == 1


class Residual(nn.Module):
    """A block whose depthwise result has another one added, and is read with its rows and columns exchanged."""

    def __init__(self, stride, turned):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, 1), nn.Conv2d(3, 6, 1, stride)
        self.c, self.d = conv(6, 6, 3, stride, 1, groups=6), conv(6, 6, 5, 1, 2, groups=6)
        self.turned = turned

    def forward(self, x):
        y = F.relu(self.c(self.a(x)) + self.b(x))
        return self.d(y.transpose(2, 3) if self.turned else y) + (y.transpose(2, 3) if self.turned else y)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("size", [(8, 8), (6, 10), (18, 34)])
def test_results_are_added_and_images_whose_numbers_lie_apart_are_copied(stride, turned, size):
    torch.manual_seed(0)
    assert depthwise_in(holds(Residual(stride, turned), torch.randn(3, 3, *size))) == 2


class Repeated(nn.Module):
    """A depthwise layer that reads one row of an image several times, and has it added."""

    def __init__(self):
        super().__init__()
        self.a, self.d = nn.Conv2d(3, 4, 1), conv(4, 4, 3, 1, 1, groups=4)

    def forward(self, x):
        y = self.a(x)[:, :, :1].expand(-1, -1, 5, -1)
        return self.d(y) + y


def test_an_image_whose_rows_are_one_is_copied():
    torch.manual_seed(0)
    assert depthwise_in(holds(Repeated(), torch.randn(2, 3, 6, 6))) == 1


def test_a_row_without_weights_reads_its_own_image():
    layer = conv(4, 4, 3, 1, 1, groups=4)
    mask = torch.ones_like(layer.weight, dtype=torch.bool)
    mask[2] = False
    hide(layer, mask)
    chain = holds(layer, torch.randn(2, 4, 5, 5))
    x = torch.randn(1, 4, 5, 5)
    x[:, 0] = torch.inf
    assert bool(torch.isfinite(chain(x)[0][:, 1:]).all())


class Inverted(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.up = conv(3, 16, 3, 1, 1, density=0.3), conv(16, 40, 1, density=0.3)
        self.depth, self.down = nn.Conv2d(40, 40, 3, 1, 1, groups=40), conv(40, 16, 1, density=0.3)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        y = self.first(x)
        return self.head((y + self.down(F.relu6(self.depth(F.relu6(self.up(y)))))).mean((2, 3)))


def test_a_network_of_inverted_residuals_has_no_zeros_around_its_images():
    torch.manual_seed(0)
    module, x = Inverted().eval(), torch.randn(2, 3, 16, 16)
    steps = program_of(watch(module, lambda x: [module(x)], x[:1]), 1).steps
    assert not any(isinstance(step, Zero) for step in steps)
    assert sum(isinstance(step, Planes) for step in steps) == 1  # the first layer's
    assert {step.length for step in steps if isinstance(step, Affine)} == {256, 16, 1}
    holds(module, x)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 7, padding=3, groups=4),  # a kernel that there is not
        nn.Conv2d(4, 4, (3, 5), padding=(1, 2), groups=4),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4),
        nn.Conv2d(4, 4, 3, (1, 3), padding=1, groups=4),
        nn.Conv2d(4, 4, 3, padding=3, groups=4),  # some results read nothing of the image
        nn.Conv2d(4, 8, 3, padding=1, groups=2),
        nn.Conv2d(1, 8, 3, padding=1),
    ],
)
def test_other_convolutions_go_another_way(layer):
    torch.manual_seed(0)
    assert depthwise_in(holds(layer, torch.randn(2, layer.in_channels, 12, 12))) == 0
