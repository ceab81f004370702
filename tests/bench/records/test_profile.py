import pytest

from bench import PartTimes, SeesawError
from bench.records.profile import ProfileFile
from bench.records.reading import Reading
from bench.testing.games import small_record


def written(path, **changes):
    run = small_record()
    timing = {
        "part": "device",
        "number": 0,
        "batch": 1,
        "seconds": Reading(value=0.0, unit="s", source="clock"),
    }
    values = {"setup": run.setup, "digest": run.digest, "seed": 0, "timings": [timing], "watts": None, "machine": {}, "versions": {},
              "created": "now"}  # fmt: skip
    return ProfileFile.model_validate(values | changes).write(path)


def test_a_profile_comes_back_as_it_was_written(tmp_path):
    one = ProfileFile.read(written(tmp_path / "p.json"))
    assert one.timings[0].part == "device"
    assert one.watts is None


def test_a_profile_that_was_changed_or_is_none_is_refused(tmp_path):
    path = written(tmp_path / "p.json")
    text = path.read_text()
    path.write_text(text.replace('"seed": 0', '"seed": 1'))
    with pytest.raises(SeesawError, match="was changed after it was written"):
        ProfileFile.read(path)
    for other in ("{}", "[1", text.replace('"device"', '"devise"'), "[" * 100_000):
        path.write_text(other)
        with pytest.raises(SeesawError, match="is no whole profile"):
            ProfileFile.read(path)
    with pytest.raises(SeesawError, match="cannot be read"):
        ProfileFile.read(tmp_path / "none.json")


def test_a_profile_that_lacks_a_part_says_which(tmp_path):
    one = ProfileFile.read(written(tmp_path / "p.json"))
    gap = one.model_copy(
        update={"timings": [one.timings[0], one.timings[0].model_copy(update={"number": 2})]}
    )
    with pytest.raises(SeesawError, match=r"lacks a device among \[0, 2\]"):
        gap.times()


def test_times_that_cannot_be_are_refused():
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(SeesawError, match="negative or no numbers"):
            PartTimes(
                device=(0.0, bad),
                server=(0.0, 0.0),
                exits=(0.0,),
                heads=(0.0,),
                time="measured",
                source="made",
            )
