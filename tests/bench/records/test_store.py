import os
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

from bench import SeesawError
from bench.files import OWN, PUBLISHED
from bench.records.record import Record
from bench.records.setup import specs_of
from bench.records.store import FILE_KINDS, Store, open_file
from tests.bench.edited import edited, set_


def test_a_maintainers_reason_contests_a_sound_record(made, tmp_path):
    path = made().save(tmp_path)
    assert Store(tmp_path).contested(path, []) is None
    path.with_suffix(".contested").write_text("Trained on\nthe test split.")
    assert Store(tmp_path).contested(path, []) == "Trained on the test split."
    path.with_suffix(".contested").write_text("")
    assert Store(tmp_path).contested(path, []) == "It is contested, without a reason."


@pytest.mark.parametrize("spec", ["evil.py:Evil", "sparse[inner=evil.py:Evil]", "other"])
def test_a_strangers_code_is_never_run_again(made, spec):
    record = edited(made(), set_("setup", "method", "spec", value=spec))
    with pytest.raises(SeesawError, match="is a draft"):
        specs_of(record.setup)


def test_a_note_that_is_a_link_or_a_pipe_is_not_read(made, tmp_path):
    path = made().save(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("a key")
    note = path.with_suffix(".contested")
    note.symlink_to(secret)
    assert Store(tmp_path).contested(path, []) == "It is contested for a reason that cannot be read."
    note.unlink()
    os.mkfifo(note)
    assert Store(tmp_path).contested(path, []) == "It is contested for a reason that cannot be read."


def test_the_dense_parent_is_found_whatever_was_measured_of_it(made, tmp_path):
    store, sparse = Store(tmp_path), made(0, "sparse", scale=0.25)
    assert store.parent(sparse.setup, 0) is None
    older = made(0).model_copy(update={"created": "2026-01-01T00:00:00+00:00"})
    older.save(tmp_path)
    assert store.parent(sparse.setup, 0) == older.sealed()
    newer = made(0, codecs=[]).model_copy(update={"created": "2026-02-01T00:00:00+00:00"})
    newer.save(tmp_path)
    assert store.parent(sparse.setup, 0) == newer.sealed()
    assert store.parent(sparse.setup, 1) is None
    assert store.parent(made(0, recipe={"epochs": 3, "batch": 10}).setup, 0) is None
    assert store.parent(older.setup, 0) is None, "it has no parent itself"


def test_the_network_trained_before_is_the_newest_sound_record_with_its_weights(made, tmp_path):
    store = Store(tmp_path / "records", tmp_path / "runs")
    one = made(0, codecs=[])
    path = one.save(store.records)
    assert store.trained(made(0).setup, 0) is None, "its weights are not there"
    weights = store.run_files(path).weights
    weights.parent.mkdir(parents=True)
    weights.touch()
    trained = store.trained(made(0).setup, 0)
    assert (trained.record, trained.weights) == (one, weights)
    assert store.trained(made(0, "sparse").setup, 0) is None
    path.write_text(path.read_text().replace('"budget":1.0', '"budget":2.0'))
    assert store.trained(made(0).setup, 0) is None, "it was changed by hand"


def test_files_of_every_kind_lie_beside_each_other_and_are_known_by_their_content(streamed, made, tmp_path):
    store = Store(tmp_path / "records", tmp_path / "runs")
    stream, run = streamed(tmp_path), made(3)
    for file in (stream, run):
        path = file.write(store.path(file))
        assert open_file(path) == file.sealed()
        assert Store.around(path, file, store.runs) == Store(store.records.resolve(), store.runs)
        assert store.faults(file.sealed(), path) == []


def test_a_contested_record_is_no_dense_parent(made, tmp_path):
    store = Store(tmp_path / "records", tmp_path / "runs")
    path = made().save(store.records)
    sparse = made(method="sparse[density=0.25]", scale=0.25)
    assert store.parent(sparse.setup, 0) is not None
    path.with_suffix(".contested").write_text("trained on the test split")
    assert store.parent(sparse.setup, 0) is None


def test_a_file_anywhere_has_a_store_around_it(made, tmp_path):
    record, own = made(), tmp_path / "mine"
    assert Store.around(record.save(own), record).records == own
    assert Store.around(Path("/seed0.json"), record).records == Store().records


def test_the_marker_of_a_kind_is_a_field_that_no_other_kind_has():
    for kind in FILE_KINDS:
        assert kind.marker in kind.model_fields
        assert not [other for other in FILE_KINDS if other is not kind and kind.marker in other.model_fields]


def test_the_modules_that_make_and_show_a_kind_have_the_functions_that_commands_call():
    for kind in FILE_KINDS:
        view, maker = import_module(kind.shown_by), import_module(kind.maker)
        assert all(len(signature(part).parameters) == 2 for part in view.PARTS.values())
        assert len(signature(view.shown).parameters) == 2
        assert {"data", "threads", "report"} <= signature(maker.again).parameters.keys() or any(
            one.kind is one.VAR_KEYWORD for one in signature(maker.again).parameters.values()
        )


def test_own_records_find_their_dense_parent_and_weights_among_the_published(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    published, own = Store(PUBLISHED), Store()
    dense, sparse = made(0), made(0, "sparse")
    path = published.save(dense)
    assert own.parent(sparse.setup, 0) == dense
    assert published.parent(sparse.setup, 0) == dense
    assert Store(tmp_path / "elsewhere").parent(sparse.setup, 0) is None
    weights = own.run_files(path).weights
    assert weights == published.run_files(path).weights
    weights.parent.mkdir(parents=True)
    weights.touch()
    assert own.trained(dense.setup, 0).record == dense
    assert own.run_of(own.run_files(path).folder) == dense
    own.save(sparse)
    assert [entry.file for entry in own.entries(Record)[0]] == [sparse]
    assert Store.holding(path).records == PUBLISHED
    assert Store.holding(own.path(sparse)).records == OWN
