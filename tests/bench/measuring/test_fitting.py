"""Large images are measured a few at a time."""

from torch import nn

from bench import Net, Sample
from bench.measuring import tracing


def net(side):
    made = Net([nn.Conv2d(3, 64, 3, padding=1)], Sample((3, side, side)), 2)
    made.hang(0, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 2)))
    return made.eval()


def test_a_pass_holds_as_many_samples_as_memory_allows():
    assert tracing.fitting(net(8), 500) == 500
    large = net(224)
    own = 4 * (3 + 64) * 224 * 224
    assert abs(tracing.fitting(large, 500) - tracing.AT_ONCE // own) <= 1


def test_one_sample_is_always_tried(monkeypatch):
    monkeypatch.setattr(tracing, "AT_ONCE", 1)
    assert tracing.fitting(net(8), 500) == 1
