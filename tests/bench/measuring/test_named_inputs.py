"""Codecs of inputs that a run names, measured at cut 0 beside those that always are."""

import pytest
import torch

from bench import RunRequest, SeesawError, run
from bench.records.record import load
from bench.runs.request import ResolvedRun


def request(home, **changes):
    settings = {
        "task": "digits", "model": "lenet[width=0.5]", "policies": ("fixed",), "codecs": ("int8", "picture", "picture[format=png]"),
        "meters": ("storage",), "recipe": {"epochs": "1"}, **{name: home / name for name in ("records", "runs", "data")},
    } | changes  # fmt: skip
    return RunRequest(**settings)


def test_they_stand_at_cut_0_and_features_codecs_at_the_others(tmp_path):
    torch.manual_seed(0)
    record = run(request(tmp_path))
    assert record.faults() == []
    first, inner = record.cuts[0].readings, record.cuts[1].readings
    codecs = [key.partition(".")[2] for key in first if key.startswith("payload.")]
    assert codecs == ["image8", "jpeg", "picture", "picture[format=png]"]
    assert [key for key in inner if key.startswith("payload.")] == ["payload.int8"]
    assert first["top1.picture[format=png]"].value == first["top1.image8"].value
    assert record.notes["codecs that lose nothing"] == ["picture[format=png]"]
    assert load(next((tmp_path / "records").rglob("seed0.json"))).faults() == []


def test_a_picture_of_no_image_is_a_sentence_before_anything_is_trained(tmp_path):
    with pytest.raises(SeesawError, match="picture sends images, and sst2 has other samples"):
        ResolvedRun.of(request(tmp_path, task="sst2", model="transformer", codecs=("picture",)))
