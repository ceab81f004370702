import pytest
import torch
from torch import nn

from bench import Net, Sample, SeesawError
from bench.measuring.saliency import peaks, saliency


def trained(steps=150):
    """A small convolutional network that tells at which side of an image the bright spot is, and samples of it."""
    torch.manual_seed(0)
    inputs = 0.1 * torch.randn(96, 1, 6, 6)
    labels = torch.arange(96) % 2
    inputs[torch.arange(96), 0, :, labels * 5] += 1.0
    stages = [
        nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.ReLU()),
        nn.Sequential(nn.Flatten(), nn.Linear(54, 8), nn.ReLU()),
        nn.Identity(),
    ]
    net = Net(stages, Sample((1, 6, 6)), 2)
    net.hang(3, nn.Linear(8, 2))
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(inputs)[-1], labels).backward()
        optimizer.step()
    assert (net(inputs)[-1].argmax(1) == labels).all()
    return net.eval(), inputs, labels


def by_definition(net, inputs, labels):
    """Grad-CAM of one sample and one stage after the other, the gradient by finite differences."""
    totals = []
    for k in range(1, len(net.stages)):
        total = 0.0
        for x, label in zip(inputs, labels, strict=True):
            with torch.no_grad():
                front, back = net.cut(k)
                feature = front(x[None])
                gradient = torch.zeros_like(feature)
                for place in range(feature.numel()):
                    ends = []
                    for step in (1e-4, -1e-4):
                        moved = feature.clone()
                        moved.view(-1)[place] += step
                        ends.append(back(moved)[0, label])
                    gradient.view(-1)[place] = (ends[0] - ends[1]) / 2e-4
                channels = feature.shape[1]
                weights = gradient.reshape(channels, -1).sum(1)
                total += (weights @ feature.reshape(channels, -1)).relu().mean().item()
        totals.append(total)
    return [one / max(totals) for one in totals]


def test_it_is_the_mean_map_of_grad_cam():
    net, inputs, labels = trained()
    net = net.double()
    inputs = inputs.double()[:5]
    assert saliency(net, inputs, labels[:5]) == pytest.approx(
        by_definition(net, inputs, labels[:5]), rel=1e-4
    )


def test_it_does_not_hang_on_the_scale_of_a_feature_nor_on_the_batches():
    net, inputs, labels = trained()
    before = saliency(net, inputs, labels)
    with torch.no_grad():
        for parameter in net.stages[0].parameters():
            parameter *= 8
        net.get_parameter("stages.1.0.weight").div_(8)
    assert saliency(net, inputs, labels) == pytest.approx(before, rel=1e-4)
    alone = [
        saliency(net, inputs[:1], labels[:1]),
        saliency(net, inputs[:1].repeat(70, 1, 1, 1), labels[:1].repeat(70)),
    ]
    assert alone[0] == pytest.approx(alone[1], rel=1e-5)


def test_a_stage_that_nothing_reads_has_none_and_the_network_stays_as_it_was():
    net, inputs, labels = trained()
    weights = {name: one.clone() for name, one in net.state_dict().items()}
    shadowed = Net(
        [*list(net.stages)[:2], nn.Sequential(Silent(), net.stages[2]), net.stages[3]], net.sample, 2
    )
    shadowed.hang(3, net.head(3))
    assert saliency(shadowed.eval(), inputs, labels) == [0.0, 0.0, 1.0]
    with torch.no_grad():
        net.get_parameter("heads.3.weight").zero_()
    with pytest.raises(SeesawError, match="No class's score rises"):
        saliency(net, inputs, labels)
    weights["heads.3.weight"].zero_()
    assert all((net.state_dict()[name] == one).all() for name, one in weights.items())
    assert not inputs.requires_grad


class Silent(nn.Module):
    """Gives zeros that hang on nothing."""

    def forward(self, x):
        return 0.0 * x


def test_peaks_are_larger_than_their_neighbours():
    assert peaks([0.2, 0.5, 0.3, 1.0]) == [2, 4]
    assert peaks([1.0, 0.5, 0.5, 0.4]) == [1]
    assert peaks([0.1, 0.7, 0.7, 0.2]) == [2]
    assert peaks([0.1, 0.7, 0.7, 0.9]) == [4]


def test_a_network_of_one_stage_has_no_cut():
    net = Net([nn.Flatten()], Sample((1, 2, 2)), 2)
    with pytest.raises(SeesawError, match="two stages at least"):
        saliency(net, torch.zeros(1, 1, 2, 2), torch.zeros(1, dtype=torch.int64))
