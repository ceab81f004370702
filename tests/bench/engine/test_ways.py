from typing import Any

import pytest
import torch
from torch import nn

from bench import Method, Net, Part, Sample
from bench.engine import native
from bench.engine.ways import DENSE, _blocks, _layouts, fast
from bench.plugin import choose
from bench.testing import AllExits, trained

built = pytest.mark.skipif(native.missing() is not None, reason=f"{native.missing()}")


@pytest.mark.parametrize(
    ("batch", "blocks"), [(1, [1]), (7, [1]), (8, [16]), (16, [16, 32]), (64, [16, 32, 64])]
)
def test_every_batch_has_blocks_to_try_none_of_them_emptier_than_half(batch, blocks):
    assert _blocks(batch) == blocks


@pytest.fixture(scope="module")
def net():
    return trained(choose(Method, "sparse[nearest=true]").plugin, AllExits())[0].eval()


@pytest.mark.parametrize("batch", [1, 16])
def test_what_was_chosen_runs_batches_of_any_size(net, batch):
    for part in net.cut(2):
        x = torch.randn(40, *part.shape)
        found = fast(part, x[:batch])
        assert found.seconds[found.way.name] == min(found.seconds.values())
        assert found.speedup >= 1
        for some in (x, x[:1], x[:0]):
            answers = found(some)
            assert not any(answer.requires_grad for answer in answers)
            with torch.no_grad():
                torch.testing.assert_close(answers, part.run(some), rtol=1e-4, atol=1e-5)


@built
def test_chains_are_made_in_inference_mode_too():
    net = Net([nn.Linear(8, 4)], Sample((8,)), 3)
    net.hang(0, nn.Linear(4, 3))
    part, x = net.eval().whole(), torch.randn(1, 8)
    with torch.inference_mode():
        found = fast(part, torch.randn(1, 8))
        assert found.reason is None
    torch.testing.assert_close(found.run(x), part.run(x), check_stride=False)


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
