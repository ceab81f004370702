import json
import re

import pytest

from bench import SeesawError
from bench.records.store import Store, open_file
from bench.records.stream import StreamRecord


def test_a_stream_record_comes_back_from_its_file_and_lies_beside_its_runs_records(streamed, tmp_path):
    one = streamed(tmp_path)
    folder = Store(tmp_path / "records").folder(StreamRecord)
    path = one.write(one.path(folder))
    assert StreamRecord.read(path) == one.sealed()
    (run,) = (tmp_path / "records").glob("*/*/seed0.json")
    assert path.parent == folder / run.parent.relative_to(tmp_path / "records")
    assert re.fullmatch(r"seed0-[0-9a-f]{12}\.json", path.name)


def test_the_content_of_a_file_decides_its_kind_and_not_its_name(streamed, tmp_path):
    stream = streamed(tmp_path)
    (run,) = (tmp_path / "records").glob("*/*/seed0.json")
    assert open_file(stream.write(tmp_path / "seed0.json")) == stream.sealed()
    assert open_file(run.rename(tmp_path / "seed0-0123456789ab.json")).digest == stream.parts[0].digest
    for text, hint in (
        ("[1", "no whole record"),
        ("[]", "no whole record"),
        ('{"entrants": []}', "no whole stream"),
    ):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(SeesawError, match=hint):
            open_file(tmp_path / "x.json")
    with pytest.raises(SeesawError, match="cannot be read"):
        open_file(tmp_path / "none.json")


def test_the_same_question_has_the_same_place_and_another_has_another(streamed, tmp_path):
    one = streamed(tmp_path)
    again = streamed(tmp_path, policies=("best-fixed", "random", "splitee"))
    assert one.path(tmp_path) == again.path(tmp_path)
    assert streamed(tmp_path) == one
    others = [
        {"shuffles": 3}, {"costs": "measured"}, {"arms": "cuts"}, {"offloads": ("0.1", "0.3")},
        {"policies": ("splitee[c=2]", "random", "best-fixed")}, {"policies": ("splitee", "best-fixed")}, {"seed": 1},
    ]  # fmt: skip
    places = {streamed(tmp_path, **changes).path(tmp_path) for changes in others}
    assert len(places | {one.path(tmp_path)}) == len(others) + 1


def test_seeds_are_kin_and_other_networks_or_questions_are_not(streamed, tmp_path):
    kin = streamed(tmp_path).kin
    assert streamed(tmp_path, seed=1, right=(150, 170)).kin == kin
    assert streamed(tmp_path, method="sparse").kin != kin
    assert streamed(tmp_path, shuffles=3).kin != kin
    assert streamed(tmp_path, values="int8").kin != kin


def test_seeds_that_were_measured_otherwise_are_kin_where_a_reading_was_asked_for_by_name(
    streamed, timed, tmp_path
):
    folders = [timed(tmp_path, 0), timed(tmp_path, 1, last=8e-3, payload=8.0)]

    def kin(**request):
        return {streamed(tmp_path, seed, folders=[one], **request).kin for seed, one in enumerate(folders)}

    assert len(kin(costs="latency", sending="payload.int8")) == 1
    assert len(kin(costs="latency") | kin(costs="macs") | kin(sending="payload.int8") | kin()) == 4
    numbers = [
        streamed(tmp_path, folders=folders[:1], costs=costs).kin for costs in ([0.5, 2.0], [0.25, 2.0])
    ]
    assert len({*numbers, *kin(costs="latency")}) == 3


def test_what_began_from_weights_of_one_training_is_kin_whatever_the_seed(streamed, tmp_path):
    part = streamed(tmp_path).parts[0]
    weights = [
        part.model_copy(update={"setup": part.setup.model_copy(update={"weights": sha})})
        for sha in ("a", "b")
    ]
    assert weights[0].kin == weights[1].kin
    assert weights[0].kin != part.kin
    alone = [one.model_copy(update={"trained": None}) for one in weights]
    assert alone[0].kin != alone[1].kin


@pytest.mark.parametrize(
    "change", [{"seed": -1}, {"parts": []}, {"arms": "stages"}, {"extra": 1}, {"schema_version": 99}]
)
def test_what_is_no_stream_record_is_a_sentence(streamed, tmp_path, change):
    path = tmp_path / "seed0-0123456789ab.json"
    path.write_text(json.dumps(json.loads(streamed(tmp_path).model_dump_json()) | change))
    with pytest.raises(SeesawError, match=r"no whole stream record at .* Replay it again with --record"):
        StreamRecord.read(path)
