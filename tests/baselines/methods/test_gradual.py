import itertools

import pytest
import torch

from tests.baselines.methods.plain import budget, convolutions, cubic, look, method, spread


@pytest.mark.parametrize("layers", ["global", "uniform", "erk"])
def test_densities_fall_on_the_cubic_of_the_paper_and_the_smallest_weights_go(layers):
    """Forty steps: pruned at each third from the eighth until the twenty-fourth, and exactly at the end of that."""
    net, train = convolutions(), budget(epochs=8, shape=(2, 4, 4))
    method(f"gradual[density=0.2,start=0.2,stop=0.6,every=3,layers={layers}]").fit(net, train)
    assert [moment.index for moment in train.updates] == list(range(40))
    densities = []
    for moment in train.updates:
        before, after = moment.before, moment.after
        if moment.index % 3 == 0 and 8 <= moment.index < 24:
            density = cubic(0.2, moment.index, 8, 24)
            assert torch.equal(
                flat(after), spread([one.weight.abs() for one in before.values()], density, layers)
            )
            densities.append(density)
        elif moment.index < 8:
            assert all(one.mask is None for one in after.values())
        else:
            assert torch.equal(flat(after), flat(before))
        if moment.index == 23:
            sizes = [one.weight.abs() for one in after.values()]
    last = spread(sizes, 0.2, layers)
    assert torch.equal(flat(look(net)), last)
    assert all(torch.equal(flat(moment.before), last) for moment in train.updates[24:])
    assert densities == pytest.approx([1 - 0.8 * (1 - (1 - n / 16) ** 3) for n in (1, 4, 7, 10, 13)])
    if layers == "global":
        assert int(last.sum()) == round(0.2 * len(last))


def flat(seen):
    """All masks, where a layer without one has all its weights."""
    return torch.cat(
        [
            (torch.ones_like(one.weight) > 0 if one.mask is None else one.mask).flatten()
            for one in seen.values()
        ]
    )


def test_what_is_gone_stays_gone():
    net, train = convolutions(), budget(epochs=8, shape=(2, 4, 4))
    method("gradual[density=0.2,every=2]").fit(net, train)
    masks = [flat(moment.after) for moment in train.updates]
    for earlier, later in itertools.pairwise(masks):
        assert bool((earlier | ~later).all())
