import math

import pytest

from bench import SeesawError
from bench.records.dataframe import dataframe
from tests.bench.edited import edited, set_


def test_a_row_is_an_exit_with_the_settings_of_its_run_and_its_readings(made):
    frame = dataframe([made(0), made(1, "sparse", right=(150, 170))])
    assert list(frame["exit"]) == [0, 1, 0, 1]
    assert list(frame["last"]) == [False, True, False, True]
    assert list(frame["seed"]) == [0, 0, 1, 1]
    assert list(frame["method"]) == ["dense", "dense", "sparse", "sparse"]
    assert list(frame["top1"]) == [0.8, 0.9, 0.75, 0.85]
    assert frame.attrs["units"]["macs.effective"] == "MAC"
    assert frame.attrs["units"]["latency.low"] == "s"


def test_a_reading_that_one_row_lacks_is_no_number_in_it(made):
    reading = {"value": 3.0, "unit": "J", "source": "made"}
    frame = dataframe(edited(made(), set_("exits", 1, "readings", "energy", value=reading)))
    assert math.isnan(frame["energy"][0])
    assert frame["energy"][1] == 3.0
    assert "energy.low" not in frame


def test_cuts_points_and_walks_have_a_row_each(made):
    record = made()
    assert list(dataframe(record, "cuts")["before"]) == [cut.before for cut in record.cuts]
    points = dataframe(record, "points")
    assert list(points["accuracy"]) == [p.accuracy for curve in record.curves for p in curve.outcomes]
    walks = dataframe(record, "walks")
    assert list(walks["batch"]) == [walk.batch for walk in record.walks]


def test_of_a_folder_contested_records_are_left_out(made, tmp_path):
    made(0).save(tmp_path)
    made(1).save(tmp_path).with_suffix(".contested").write_text("Trained on the test split.")
    assert set(dataframe(tmp_path)["seed"]) == {0}
    assert set(dataframe(str(tmp_path))["seed"]) == {0}


def test_rows_of_no_kind_are_a_sentence(made):
    with pytest.raises(SeesawError, match=r"no rows 'exit'; did you mean 'exits'"):
        dataframe(made(), "exit")


def test_the_density_that_was_asked_for_is_a_column_of_its_own(made):
    record = made(method="sparse[density=0.25]", scale=0.3)
    assert dataframe(record)["density"].tolist() == [0.3, 0.3]
    assert dataframe(record)["method.density"].isna().all()  # a made setup holds no settings


def test_numbers_of_operating_points_have_units(made):
    frame = dataframe(made(), rows="points")
    assert frame.attrs["units"].keys() <= set(frame.columns)
    assert frame.attrs["units"]["macs"] == "MAC"
