import pytest
import torch

from baselines.backbones.spiking import Leaky, Rates, Spiking, spikes_of
from baselines.codecs.bitmap import Bitmap
from bench import Sample
from bench.testing import check_backbone


def by_hand(currents, beta, threshold):
    """Spikes of one neuron, step by step."""
    potential, spikes = 0.0, []
    for current in currents:
        potential = beta * potential + current - (threshold if spikes and spikes[-1] else 0.0)
        spikes.append(float(potential > threshold))
    return spikes


def test_a_neuron_spikes_when_its_potential_is_above_the_threshold_and_loses_as_much():
    currents = [0.6, 0.6, 0.6, 0.0, 2.5, 0.0, 0.0, -1.0]
    spikes = Leaky(0.9, 1.0)(torch.tensor(currents).reshape(1, 8, 1))
    assert spikes.flatten().tolist() == by_hand(currents, 0.9, 1.0) == [0, 1, 0, 0, 1, 1, 0, 0]


def test_neurons_and_their_gradients_are_those_of_snntorch():
    snn = pytest.importorskip("snntorch", reason="snntorch is among the extras for development")
    theirs = snn.Leaky(beta=0.8, threshold=0.7, spike_grad=snn.surrogate.atan(alpha=2.0))
    own = torch.randn(3, 12, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    other = own.detach().clone().requires_grad_()
    spikes = Leaky(0.8, 0.7)(own)
    potential, steps = theirs.init_leaky(), []
    for current in other.unbind(1):
        spike, potential = theirs(current, potential)
        steps.append(spike)
    assert torch.equal(spikes, torch.stack(steps, 1))
    weights = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(1))
    (spikes * weights).sum().backward()
    (torch.stack(steps, 1) * weights).sum().backward()
    assert own.grad is not None
    torch.testing.assert_close(own.grad, other.grad)


def test_what_crosses_a_cut_is_zeros_and_ones_that_take_little_more_than_a_bit():
    torch.manual_seed(0)
    stages = Spiking(steps=6).stages(Sample((1, 8, 8)))
    x = 3 * torch.rand(4, 1, 8, 8)
    for stage in stages:
        x = stage(x)
        assert set(x.unique().tolist()) <= {0.0, 1.0}
    assert x.shape == (4, 6 * 128)
    assert 0 < x.mean() < 1
    feature = stages[0](torch.rand(1, 1, 8, 8))[0].detach()
    payload = Bitmap(values="uint8").encode(feature)
    assert torch.equal(Bitmap(values="uint8").decode(payload, tuple(feature.shape)), feature)


def test_the_first_layer_computes_once_and_later_ones_at_each_step():
    from bench.kinds.build import assemble
    from bench.network.macs import Tariff
    from bench.testing.tiny import AllExits, TinyTask

    few, many = (
        Tariff.of(assemble(Spiking(steps=steps), TinyTask().about(), AllExits())).stages for steps in (2, 6)
    )
    assert many[0] == few[0]
    assert [one[0] for one in many[1:]] == [3 * one[0] for one in few[1:]]


def test_rates_are_means_over_steps():
    x = torch.tensor([[1.0, 0.0, 1.0, 1.0, 0.0, 0.0]])  # three steps of two neurons
    assert Rates(3)(x).tolist() == [[pytest.approx(2 / 3), pytest.approx(1 / 3)]]


def test_without_a_gradient_there_is_no_surrogate():
    with torch.no_grad():
        assert spikes_of(torch.tensor([-1.0, 0.0, 1e-6])).tolist() == [0, 0, 1]


@pytest.mark.parametrize("backbone", [Spiking(), Spiking(steps=3, beta=0.5, widths=(4, 6, 10))])
def test_it_is_a_backbone_like_any_other(backbone):
    check_backbone(backbone)
