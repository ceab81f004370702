import pytest
import torch

from bench import SeesawError, Trace
from bench.replay.streams.entrants import calibration_of, entrants, load, numbers, overlap, values


def trace(samples, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, samples, 3, generator=generator)
    return Trace(
        logits, torch.zeros(samples, dtype=torch.long), torch.tensor([1.0, 2.0], dtype=torch.float64)
    )


def test_dots_stand_for_equal_steps():
    assert values(["offload=0.1:0.15:...:0.3", "c=1:2"]) == {
        "offload": ["0.1", "0.15", "0.2", "0.25", "0.3"],
        "c": ["1", "2"],
    }


@pytest.mark.parametrize(
    "text",
    [
        "offload",
        "=1",
        "offload=",
        "o=1:...:2",
        "o=1:1:...:2",
        "o=1:2:...:2.5",
        "o=a:b:...:c",
        "o=1:2:...:3:4",
    ],
)
def test_a_sweep_of_nothing_is_a_sentence(text):
    with pytest.raises(SeesawError, match="--sweep"):
        values([text])
    with pytest.raises(SeesawError, match="swept already"):
        values(["c=1", "c=2"])


def test_a_sweep_sets_every_policy_that_has_the_setting_and_wins_over_its_spec():
    online = entrants(
        ["splitee[offload=0.3,c=2]", "random"], {"offload": ["0.1", "0.2"], "c": ["1", "3"]}
    ).online
    variants = [(name, terms.offload, getattr(policy, "c", None)) for (name, terms), policy in online.items()]
    assert variants == [
        ("splitee[c=1.0]", 0.1, 1), ("splitee[c=3.0]", 0.1, 3), ("splitee[c=1.0]", 0.2, 1), ("splitee[c=3.0]", 0.2, 3),
    ]  # fmt: skip


def test_who_was_named_is_sorted_by_what_they_can_do():
    entered = entrants(["confidence", "oracle", "best-fixed", "thompson", "random"], {})
    assert list(entered.alone) == ["confidence", "oracle", "random"]
    assert list(entered.guests) == ["oracle", "best-fixed", "random"]
    assert [name for name, _ in entered.online] == ["thompson"]
    assert entered.needs_logits == "confidence"
    assert entrants(["oracle", "random"], {}).needs_logits is None


@pytest.mark.parametrize(
    ("specs", "sweep", "hint"),
    [
        (["spliteee"], {}, "did you mean 'splitee'"),
        (["splitee", "splitee"], {}, "splitee is named twice"),
        (["oracle", "oracle"], {}, "oracle is named twice"),
        (["splitee"], {"ofload": ["1"]}, "did you mean 'offload'"),
        (["confidence"], {"offload": ["1"]}, "No online policy named has a setting 'offload'"),
        (["splitee"], {"offload": ["-1"]}, "greater than or equal to 0"),
        (["bench:Online"], {}, "bench:Online decides nothing"),
    ],
)
def test_who_cannot_play_is_a_sentence(specs, sweep, hint):
    with pytest.raises(SeesawError, match=hint):
        entrants(specs, sweep)


def test_traces_follow_each_other(tmp_path):
    for number, samples in enumerate((4, 6)):
        trace(samples, number).save(tmp_path / f"{number}.safetensors")
    stream, whole = load([tmp_path / "0.safetensors", tmp_path / "1.safetensors"])
    assert stream.parts == (4, 6)
    assert torch.equal(whole.logits[:, 4:], trace(6, 1).logits)
    (tmp_path / "m.csv").write_text("0.5,1,0.6,1,1\n")
    with pytest.raises(SeesawError, match="must be of one network"):
        load([tmp_path / "0.safetensors", tmp_path / "m.csv"])


def test_thresholds_come_from_the_runs_own_calibration_split_or_from_the_file_that_is_named(tmp_path):
    trace(3).save(tmp_path / "calibration.safetensors")
    for path in (tmp_path, tmp_path / "test.safetensors"):
        assert len(calibration_of(path, None, trace(4), "confidence").labels) == 3
    trace(5).save(tmp_path / "other.safetensors")
    assert len(calibration_of(tmp_path, tmp_path / "other.safetensors", trace(4), "confidence").labels) == 5
    with pytest.raises(SeesawError, match="confidence takes its thresholds from other samples"):
        calibration_of(tmp_path / "m.npz", None, trace(4), "confidence")
    (tmp_path / "m.csv").write_text("0.5,1,1\n")
    with pytest.raises(SeesawError, match="has no logits, which confidence needs"):
        calibration_of(tmp_path, tmp_path / "m.csv", trace(4), "confidence")


def test_thresholds_never_come_from_what_is_judged_nor_from_another_network(tmp_path):
    trace(4).save(tmp_path / "same.safetensors")
    with pytest.raises(SeesawError, match="holds the very samples that are judged"):
        calibration_of(tmp_path, tmp_path / "same.safetensors", trace(4), "confidence")
    test = trace(4, 1)
    wider = Trace(torch.zeros(len(test.logits), 4, 9), test.labels, test.costs)
    with pytest.raises(SeesawError, match="Give other samples of the same network"):
        calibration_of(tmp_path, tmp_path / "same.safetensors", wider, "confidence")


def part(whole, rows):
    return Trace(whole.logits[:, rows], whole.labels[rows], whole.costs)


def test_judged_samples_are_known_in_any_order_and_number_and_among_others():
    test, other = trace(40), trace(60, 1)
    assert overlap(test, other) == 0
    for rows in (range(39, -1, -1), range(10), [7]):
        assert overlap(test, part(test, list(rows))) == 1
    assert overlap(part(test, [3, 5]), test) == 1
    mixed = Trace(torch.cat([test.logits[:, :10], other.logits], 1), torch.zeros(70), test.costs)
    assert overlap(test, mixed) == 0.25
    assert (
        overlap(test, part(mixed, list(range(7, 70)))) == 0
    )  # 3 of 40: a data set may have a few samples twice


@pytest.mark.parametrize("decimals", [0, 1, 2, 3])
@pytest.mark.parametrize("sizes", [(400, 400), (400, 4000), (4000, 400)])
def test_rounded_logits_of_two_classes_that_meet_by_chance_are_other_samples(decimals, sizes):
    for seed in range(5):
        confidences = [
            torch.rand(1, n, 1, generator=torch.Generator().manual_seed(seed + n + k))
            for k, n in enumerate(sizes)
        ]
        here, there = (
            Trace(
                torch.cat([confidence, 1 - confidence], 2).mul(10**decimals).round(),
                torch.zeros(confidence.shape[1]),
                torch.ones(1),
            )
            for confidence in confidences
        )
        assert overlap(here, there) == 0
        assert overlap(here, part(here, torch.randperm(sizes[0]))) == 1


def test_numbers_are_joined_by_colons():
    assert numbers("1:2.5:4", "--costs") == [1, 2.5, 4]
    with pytest.raises(SeesawError, match="--sends '1:x' are no numbers"):
        numbers("1:x", "--sends")
