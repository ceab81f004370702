"""The ways to run a part, and the fastest of them.

Covers: bench/execution/fast.py
"""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from bench import Method, Net, Part, Sample, SeesawError, hide, mask_from
from bench.execution.backends import DENSE, _layouts, block_widths
from bench.execution.fast import fast
from bench.execution.gathered import GatheredConv, gather
from bench.plugins.plugin import choose
from bench.testing import AllExits, trained

built = pytest.mark.usefixtures("compiler")


@pytest.mark.parametrize(
    ("batch", "blocks"), [(1, [1]), (7, [1]), (8, [16]), (16, [16, 32]), (64, [16, 32, 64])]
)
def test_every_batch_has_blocks_to_try_none_of_them_emptier_than_half(batch, blocks):
    assert block_widths(batch) == blocks
    assert block_widths(batch, images=True) == sorted({1, *blocks})


@pytest.fixture(scope="module")
def net():
    return trained(choose(Method, "sparse[nearest=true]").plugin, AllExits())[0].eval()


@pytest.mark.parametrize("batch", [1, 16])
def test_what_was_chosen_runs_batches_of_any_size(net, batch):
    for part in net.cut(2):
        x = torch.randn(40, *part.incoming.joined)
        chosen = fast(part, x[:batch])
        assert chosen.seconds[chosen.way.name] == min(chosen.seconds.values())
        assert chosen.speedup >= 1
        for some in (x, x[:1], x[:0]):
            outputs = chosen(some)
            assert not any(output.requires_grad for output in outputs)
            with torch.no_grad():
                torch.testing.assert_close(outputs, part.run(some), rtol=1e-4, atol=1e-5)


@built
def test_chains_are_made_in_inference_mode_too():
    net = Net([nn.Linear(8, 4)], Sample((8,)), 3)
    net.hang(0, nn.Linear(4, 3))
    part, x = net.eval().whole(), torch.randn(1, 8)
    with torch.inference_mode():
        chosen = fast(part, torch.randn(1, 8))
        assert chosen.reason is None
    torch.testing.assert_close(chosen.run(x), part.run(x), check_stride=False)


@pytest.mark.parametrize("way", [0, 1])
def test_copies_share_layers_that_are_gathered(way):
    layer = nn.Conv2d(8, 8, 3)
    hide(layer, mask_from("shared[density=0.25,outputs=4]@0", layer.weight.shape))
    net = Net([layer], Sample((8, 5, 5)), 3)
    net.hang(0, nn.Sequential(nn.Flatten(), nn.Linear(72, 3)))
    parts, x = [net.eval().whole(), Part(net, 0, 1)], net.sample.blank()
    made = _layouts(parts[0], x, "gathered", partial(gather, made={}))[way]
    one, other = (part_of(made.prepare(part, x)).stages["0"] for part in parts)
    assert one is other
    assert isinstance(one, GatheredConv)


def test_images_within_a_part_have_two_layouts_whatever_it_takes():
    net = Net([nn.Conv2d(1, 4, 3)], Sample((1, 6, 6)), 2)
    net.hang(0, nn.Sequential(nn.Flatten(), nn.Linear(64, 2)))
    part = net.eval().whole()
    part.run = lambda x: Part.run(part, x.reshape(-1, 1, 6, 6))
    assert len([name for name in fast(part, torch.randn(2, 36), chains=False).seconds if DENSE in name]) == 2


def test_a_layout_that_a_part_does_not_take_is_left_out():
    class View(nn.Module):
        def forward(self, x):
            return x.view(len(x), -1)

    net = Net([nn.Conv2d(3, 4, 3), View()], Sample((3, 8, 8)), 2)
    net.hang(1, nn.Linear(144, 2))
    chosen = fast(net.eval().whole(), torch.randn(1, 3, 8, 8))
    assert f"{DENSE}, channels first" in chosen.seconds
    assert f"{DENSE}, channels last" not in chosen.seconds


def test_copies_made_in_inference_mode_run_outside(net):
    x = torch.randn(2, *net.sample.shape)
    with torch.inference_mode():
        run = _layouts(net.whole(), x, DENSE)[1].prepare(net.whole(), x)
    assert run(x)[0].requires_grad


def test_parts_in_training_and_empty_batches_are_errors(net):
    x = torch.randn(2, *net.sample.shape)
    with pytest.raises(SeesawError, match="as many samples as will come"):
        fast(net.whole(), x[:0])
    net.stages[0].train()
    try:
        with pytest.raises(SeesawError, match=r"Call eval\(\)"):
            fast(net.whole(), x)
    finally:
        net.eval()


def part_of(run: Any) -> Part:
    return run.__self__


def test_copies_in_another_layout_share_what_their_parts_share(net):
    x = torch.randn(2, *net.sample.shape)
    first, last = _layouts(net.whole(), x, DENSE)
    parts = [Part(net, 0, 1), net.whole()]
    one, other = (part_of(last.prepare(part, x)) for part in parts)
    weights = [next(part.stages["0"].parameters()) for part in (one, other, net.whole())]
    assert weights[0] is weights[1] is not weights[2]
    assert part_of(first.prepare(parts[0], x)) is parts[0]
