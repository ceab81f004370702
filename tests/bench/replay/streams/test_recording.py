import numpy as np
import pytest
import torch

from bench import SeesawError, Trace
from bench.records.notes import PACKED
from bench.records.store import Store
from bench.replay.streams.recording import parts_of
from bench.replay.streams.stream import Stream


def test_every_number_is_that_of_a_loop_over_the_samples(streamed, traced, tmp_path):
    """All layers, early exit and the best fixed arm, counted sample by sample from the paper's bill."""
    record = streamed(tmp_path)
    stream = Stream.of(Trace.load(traced(tmp_path) / "test.safetensors"))
    for result in record.results:
        if result.policy in ("splitee", "random"):
            continue
        cost, right, sent, plays = 0.0, 0, 0, [0, 0]
        best = record_best(stream, result.offload)
        for sure, answers in zip(stream.confidences, stream.right, strict=True):
            arm = {"(a) all layers": 1, "best-fixed": best}.get(result.policy, int(sure[0] < 0.7))
            away = result.policy == "best-fixed" and arm == 0 and sure[0] < 0.7
            heads = 1 if result.policy == "best-fixed" else arm + 1
            cost += 0.1 * (0.8 * (arm + 1) + 0.2 * heads) + result.offload * away
            right += bool(answers[1 if away else arm])
            sent += away
            plays[arm] += 1
        assert result.right == [right] * 2
        assert result.sent == [sent] * 2
        assert result.plays == [2 * count for count in plays]
        assert result.cost == pytest.approx([cost / 200] * 2)
    assert [r.regret for r in record.results if r.policy == "best-fixed"] == [[0, 0]] * 3


def record_best(stream, offload):
    """The arm of the larger mean reward."""
    first, last = stream.confidences.T
    stays = first >= 0.7
    rewards = [np.where(stays, first, last - offload) - 0.1, last - 0.2]
    return int(np.argmax([reward.sum() for reward in rewards]))


def test_a_policy_is_recorded_without_the_terms_that_its_results_have(streamed, tmp_path):
    record = streamed(tmp_path, policies=("splitee-s[c=2]", "i-splitee", "random", "oracle"))
    entrants = {one.spec: one for one in record.entrants}
    assert list(entrants) == ["splitee-s[c=2.0]", "i-splitee", "random", "oracle"]
    assert not entrants["splitee-s[c=2.0]"].settings.keys() & {"alpha", "layer", "offload", "mu"}
    assert [one.bound for one in record.entrants] == [False, False, False, True]
    assert [one.side for one in record.entrants] == [True, True, False, False]
    assert [one.head for one in record.entrants] == [0.2, 0, 0.2, 0.2]
    assert {one.alpha for one in record.results if one.policy == "i-splitee"} == {0.5}


def test_a_trace_without_a_sound_record_or_of_another_network_is_a_sentence(traced, tmp_path):
    folder, records = traced(tmp_path), tmp_path / "records"
    assert parts_of([folder], Store(records))[0] == 0
    assert parts_of([folder / "test.safetensors"], Store(records)) == parts_of([folder], Store(records))
    for wrong in (tmp_path / "m.csv", folder / "calibration.safetensors"):
        with pytest.raises(
            SeesawError, match=r"no run's folder, nor the test trace in one.*do without --record"
        ):
            parts_of([wrong], Store(records))
    with pytest.raises(SeesawError, match=r"no test trace of a run with a record.*do without --record"):
        parts_of([tmp_path / "runs"], Store(records))
    with pytest.raises(SeesawError, match="not of one network and one seed"):
        parts_of([folder, traced(tmp_path, 1)], Store(records))
    with pytest.raises(SeesawError, match="not of one network and one seed"):
        parts_of([folder, traced(tmp_path, method="sparse")], Store(records))
    one = Trace.load(folder / "test.safetensors")
    Trace(one.logits.flip(0), one.labels, one.costs).save(folder / "test.safetensors")
    with pytest.raises(SeesawError, match="is not the trace that"):
        parts_of([folder], Store(records))
    path = next(records.glob("*/mlp_dense-*/seed0.json"))
    path.write_text(path.read_text().replace('"seed":0', '"seed":5'))
    with pytest.raises(SeesawError, match="not to be believed"):
        parts_of([folder], Store(records))


def test_a_stream_changes_midway_where_a_run_began_from_the_firsts_weights(made, traced, streamed, tmp_path):
    clean, records = traced(tmp_path), tmp_path / "records"
    path = next(records.glob("*/*/seed0.json"))
    first = made(0).model_copy(update={"notes": {PACKED: "ab" * 8}}).sealed()
    first.write(path)
    untrained = {"recipe": {"epochs": 0, "batch": 10}, "right": (100, 150)}
    noisy = traced(tmp_path, weights="ab" * 32, **untrained)
    _, parts = parts_of([clean, noisy], Store(records))
    assert parts[1].trained == parts[0].trained == first.setup.training_digest()
    record = streamed(tmp_path, folders=[clean, noisy])
    assert record.samples == 400
    assert record.path(tmp_path).parent != streamed(tmp_path, folders=[clean]).path(tmp_path).parent
    strange = traced(tmp_path, weights="cd" * 32, **untrained)
    assert parts_of([strange], Store(records))[1][0].trained is None
    with pytest.raises(SeesawError, match="not of one network"):
        parts_of([clean, strange], Store(records))
    begun = made(0, weights="ef" * 32).model_copy(update={"notes": {PACKED: "cd" * 8}})
    begun.save(records)  # whose own weights came from elsewhere
    assert parts_of([strange], Store(records))[1][0].trained is None


def test_measured_costs_are_the_runs_own(streamed, tmp_path):
    record = streamed(tmp_path, costs="measured")
    assert record.depths == pytest.approx([2 / 3, 2])
    assert record.parts[0].costs == [1000, 3000]
    assert torch.tensor(record.parts[0].right).tolist() == [160, 180]
