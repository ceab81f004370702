from bench.records.store import Store


def test_the_records_of_its_runs_may_contradict_it(streamed, made, tmp_path):
    record = streamed(tmp_path)
    records = tmp_path / "records"
    made(0, right=(150, 180)).save(records)
    assert "does not" in next(record.disputes(Store(records)))
    next(records.glob("*/*/seed0.json")).with_suffix(".contested").write_text("Trained on the test split.")
    assert list(record.disputes(Store(records))) == [
        "The record of its run is contested: Trained on the test split."
    ]
    assert list(record.disputes(Store(tmp_path / "elsewhere"))) == []


def test_the_record_of_its_run_holds_the_numbers_of_a_named_reading(streamed, timed, tmp_path):
    request = {"folders": [timed(tmp_path)], "costs": "latency", "sending": "payload.int8"}
    record = streamed(tmp_path, **request)
    assert (record.costs, record.depths, record.sending, record.sends) == (
        "latency", [0.5, 2.0], "payload.int8", [0.25, 0.0],
    )  # fmt: skip
    assert list(record.disputes(Store(tmp_path / "records"))) == []
    for change, hint in (({"last": 3e-3}, "by latency"), ({"payload": 32.0}, "by payload.int8")):
        timed(tmp_path, **change)
        (sentence,) = list(record.disputes(Store(tmp_path / "records")))
        assert hint in sentence
    timed(tmp_path)
    for wrong, hint in (({"costs": "energy.none"}, "no"), ({"sending": "payload.zip"}, "payload.zip")):
        (sentence,) = record.model_copy(update=wrong).disputes(Store(tmp_path / "records"))
        assert hint in sentence
