import pytest
import torch

from bench import mask_of, maskable
from tests.baselines.methods.plain import budget, convolutions, method


def fitted(spec):
    net, train = convolutions(), budget(shape=(2, 4, 4))
    method(spec).fit(net, train)
    return net, train


@pytest.mark.parametrize("of", ["snip[density=0.2]", "random[density=0.3,layers=erk]"])
def test_every_layer_keeps_as_many_weights_as_the_other_method_and_the_largest(of):
    theirs, (ours, train) = fitted(of)[0], fitted(f"magnitude[of={of},at=0.25]")
    middle = train.calls[-1][2]  # where the second half of training begins, after pruning
    half, plain = convolutions(), budget(shape=(2, 4, 4))
    plain(half, share=0.25)
    for name, layer in maskable(ours).items():
        mask, count = mask_of(layer), int(mask_of(maskable(theirs)[name]).sum())
        weight = maskable(half)[name].weight.detach().abs()
        assert int(mask.sum()) == count, name
        assert float(weight[mask].min()) >= float(weight[~mask].max()), name
        assert torch.equal(middle[f"{name}.weight_mask"], mask)
    assert train.spent == 1


def test_its_density_stands_for_the_other_methods():
    net, _ = fitted("magnitude[of=pruned[layers=uniform],density=0.5]")
    assert all(2 * int(mask_of(layer).sum()) == layer.weight.numel() for layer in maskable(net).values())


def test_it_is_as_sided_as_its_method():
    assert not method("magnitude").sided
    assert method("magnitude[of=snip[where=device]]").sided
