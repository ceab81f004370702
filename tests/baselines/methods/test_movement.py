import pytest
import torch

from bench import mask_of, maskable
from tests.baselines.methods.plain import best, budget, convolutions, cubic, method, network, trained_plainly


@pytest.mark.parametrize("made", [network, convolutions])
@pytest.mark.parametrize(("start", "stop"), [(0, 0.5), (0.25, 0.75)])
def test_training_is_a_plain_loop_over_scores(made, start, stop):
    """S <- S - g * W and W <- W - lr * (g under the mask), with momentum and decay, hidden weights included."""
    shape, recipe = made().sample.shape, {"schedule": "constant", "weight_decay": 0.02}
    net, train = made(), budget(shape=shape, **recipe)
    method(f"movement[density=0.25,start={start},stop={stop}]").fit(net, train)
    scores = {name: torch.zeros_like(layer.weight) for name, layer in maskable(made()).items()}

    def adjust(name, weight, part, gradient):
        scores[name] -= gradient * weight
        return gradient * part

    def visible(name, weight, progress):
        density = cubic(0.25, progress, start, stop)
        return best(scores[name], round(density * weight.numel()))

    history, last = trained_plainly(made(), budget(shape=shape, **recipe), visible, adjust)
    assert len(train.updates) == len(history) == 20
    for moment, dense in zip(train.updates, history, strict=True):
        for name, weight in dense.items():
            torch.testing.assert_close(moment.before[name].weight, weight, atol=1e-5, rtol=1e-4)
            share = cubic(0.25, moment.index / 20, start, stop)
            assert int((moment.after[name].weight != 0).sum()) == round(share * weight.numel())
    for name, layer in maskable(net).items():
        assert torch.equal(mask_of(layer), last[name]), name
        assert int(last[name].sum()) == round(0.25 * layer.weight.numel())
        torch.testing.assert_close(
            layer.weight.detach(), history[-1][name] * last[name], atol=1e-5, rtol=1e-4
        )
        assert not torch.equal(last[name], best(history[-1][name].abs(), int(last[name].sum())))
