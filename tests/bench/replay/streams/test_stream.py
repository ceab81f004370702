import numpy as np
import pytest
import torch

from baselines.policies.confidence import Confidence
from bench import SeesawError, Trace
from bench.replay.streams.stream import Stream


def random_trace(samples=40, exits=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(exits, samples, 4, generator=generator)
    costs = torch.tensor([10.0, 30.0, 60.0], dtype=torch.float64)[:exits]
    return Trace(logits, torch.randint(4, (samples,), generator=generator), costs)


def random_stream(samples=10, exits=3, **more):
    rng = np.random.default_rng(0)
    return Stream(rng.random((samples, exits)), rng.random((samples, exits)) < 0.5, **more)


def test_a_traces_stream_has_the_confidences_of_the_policy_that_is_called_so():
    trace = random_trace()
    stream = Stream.of(trace)
    assert np.array_equal(stream.confidences.T, Confidence().score(trace.logits).double().numpy())
    for sample in range(40):
        for exit_ in range(3):
            row = trace.logits[exit_, sample].double().numpy()
            share = np.exp(row) / np.exp(row).sum()
            assert stream.confidences[sample, exit_] == pytest.approx(share.max(), rel=1e-6)
            assert stream.right[sample, exit_] == (share.argmax() == int(trace.labels[sample]))


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({(4, 1): np.nan}, "the first of sample 4 at exit 1"),
        ({(2, 0): -0.1, (3, 0): 1.2}, "^2 confidences are not from 0 to 1, the first of sample 2"),
        ({(9, 2): np.inf}, "^1 confidence is not from 0 to 1, the first of sample 9 at exit 2"),
        ({(0, 0): 87.0}, r"exit 0 \(87;"),
    ],
)
def test_confidences_that_are_none_are_a_sentence_that_names_the_first(change, hint):
    confidences = random_stream().confidences
    for place, value in change.items():
        confidences[place] = value
    with pytest.raises(SeesawError, match=hint):
        Stream(confidences, np.ones((10, 3), bool))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (3,)])
def test_a_stream_without_samples_or_exits_is_a_sentence(shape):
    with pytest.raises(SeesawError, match="make no stream"):
        Stream(np.zeros(shape), np.zeros(shape, bool))


def test_nan_logits_are_a_sentence():
    trace = random_trace()
    trace.logits[1, 7] = float("nan")
    with pytest.raises(SeesawError, match="sample 7 at exit 1"):
        Stream.of(trace)


def test_a_shuffle_leaves_every_part_in_its_place():
    whole = Stream.joined([random_stream(30), random_stream(50)])
    order = whole.order(np.random.default_rng(3))
    assert sorted(order[:30]) == list(range(30))
    assert sorted(order[30:]) == list(range(30, 80))
    assert not np.array_equal(order, np.arange(80))
    assert whole.order(None).tolist() == list(range(80))
    taken = whole.take(order)
    assert np.array_equal(taken.confidences[5], whole.confidences[order[5]])
    assert np.array_equal(taken.right[64], whole.right[order[64]])


def test_streams_of_different_networks_cannot_follow_each_other():
    for other in (random_stream(exits=4), random_stream(costs=np.array([1.0, 2, 3]))):
        with pytest.raises(SeesawError, match="must be of one network"):
            Stream.joined([random_stream(), other])


def test_costs_are_layers_or_measured_or_numbers():
    measured = Stream.of(random_trace())
    assert random_stream().arms().depths.tolist() == [1, 2, 3]
    assert measured.arms(costs="measured").depths.tolist() == [0.5, 1.5, 3.0]
    assert measured.arms(costs="measured").measured
    arms = random_stream().arms("cuts", [2, 4, 4], [3, 2, 1, 1])
    assert arms.exits.tolist() == [-1, 0, 1, 2]
    assert arms.depths.tolist() == [0, 2, 4, 4]
    assert arms.sends.tolist() == [3, 2, 1, 1]


@pytest.mark.parametrize(
    ("what", "hint"),
    [
        ({"kind": "stages"}, "no arms 'stages'"),
        ({"costs": "measured"}, "Nobody measured"),
        ({"costs": "joules"}, "Say layers or measured"),
        ({"costs": [1, 2]}, "are not of 3 exits"),
        ({"costs": [1, 3, 2]}, "none less than the one before"),
        ({"costs": [0, 1, 2]}, "above 0"),
        ({"costs": [1, 2, float("nan")]}, "are not of 3 exits"),
        ({"sends": [1, 1]}, r"The costs of sending \[1.0, 1.0\] are not of 3 arms"),
        ({"sends": [1, 1, -1]}, "0 or more"),
    ],
)
def test_costs_that_do_not_fit_are_a_sentence(what, hint):
    with pytest.raises(SeesawError, match=hint):
        random_stream().arms(**what)
