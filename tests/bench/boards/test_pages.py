"""Pages from made records: their content, that they are pure, and that no record can do harm in them.

Covers: bench/boards/board.py, bench/boards/cells.py, bench/boards/data.py,
    bench/boards/markup.py, bench/boards/numbers.py, bench/boards/references.py, bench/boards/rows.py,
    bench/boards/show/markdown.py
"""

import json
import multiprocessing
import os
import re
import shutil
import statistics
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench import SeesawError
from bench.boards.axes import AXES
from bench.boards.board import Line, read_boards
from bench.boards.data import line_data
from bench.boards.numbers import payload, reading, training_macs
from bench.boards.pages import files, stale, write_pages
from bench.boards.references import references
from bench.boards.rows import shared
from bench.boards.show.answer import warnings
from bench.boards.show.terminal import board_table
from bench.records.mean import Mean
from bench.records.notes import COSTLY
from bench.records.record import Record
from bench.records.sealed import checksum
from bench.records.setup import plan_of
from bench.records.store import Store
from tests.bench.edited import edited, set_, slower, values_of
from tests.bench.made import METERS

EVIL = "</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"


@pytest.fixture
def records(made, tmp_path):
    """Three seeds of two methods, and one of a third."""
    folder = tmp_path / "records"
    for seed, right in enumerate(((158, 178), (160, 180), (162, 182))):
        made(seed, right=right).save(folder)
        made(seed, "sparse", right=(right[0] - 20, right[1] - 10), scale=0.25).save(folder)
    made(0, "pruned", right=(100, 190), scale=0.5).save(folder)
    return folder


def board(records):
    return read_boards(Store(records))[0]["digits-v1"].rows


def test_ranked_rows_come_first_from_the_most_accurate_down(records):
    rows = board(records)
    assert [row.setup.method.name for row in rows] == ["dense", "sparse", "pruned"]
    assert [row.ranked for row in rows] == [True, True, False]


def test_mean_and_interval_are_students(records):
    mean = board(records)[0].mean(reading(-1, "top1"))
    assert mean.value == pytest.approx(0.9)
    assert mean.half == pytest.approx(4.303 * 0.01 / 3**0.5, rel=1e-3)
    assert mean.n == 3


def test_ratios_are_to_the_dense_parent_and_times_of_the_machine_with_most_seeds(records, made):
    sparse = board(records)[1]
    assert sparse.ratio(reading(-1, "macs.effective")) == pytest.approx(4)
    assert sparse.ratio(reading(-1, "latency"), timed=True) == pytest.approx(4)
    elsewhere = made(7, "sparse", scale=0.25).model_copy(update={"machine": {"processor": "other"}})
    elsewhere.save(records)
    here, there = sparse_by_machine(records)
    latency = reading(-1, "latency")
    assert here.machine == "made, 1 thread"
    assert here.mean(latency, timed=True).n == 3
    assert here.mean(latency).n == 4
    assert here.ratio(latency, timed=True) == pytest.approx(4)
    assert "(n=3)" in AXES["latency"].value(here).words
    assert there.machine == "other, None threads"
    assert there.mean(latency, timed=True).n == 1
    assert there.ratio(latency, timed=True) is None, "no parent was timed there"
    assert there.ratio(reading(-1, "macs.effective")) == pytest.approx(4)


def sparse_by_machine(records):
    rows = [row for row in board(records) if row.setup.method.name == "sparse"]
    return sorted(rows, key=lambda row: row.machine)


def test_a_seed_that_was_timed_on_two_machines_has_its_time_on_either(records, made):
    codecs = [*made().setup.codecs, made().setup.codecs[0].model_copy(update={"name": "new", "spec": "new"})]
    again = made(0, "sparse", right=(138, 168), scale=0.25, codecs=codecs)
    slow = again.model_copy(
        update={"machine": {"processor": "other"}, "created": "2999-01-01T00:00:00+00:00"}
    )
    edited(slow, slower(4000)).save(records)
    here, there = sparse_by_machine(records)
    assert [
        here.mean(reading(-1, "latency"), timed=True).n,
        there.mean(reading(-1, "latency"), timed=True).n,
    ] == [3, 1]
    assert here.mean(reading(-1, "latency"), timed=True).value == pytest.approx(0.25e-3)
    assert there.mean(reading(-1, "latency"), timed=True).value == 1.0
    assert there.seeds == 3


def test_times_taken_in_turn_with_the_parents_are_the_ratio_that_is_shown(made, tmp_path):
    made().save(tmp_path)
    for seed, ratio in ((0, 2.0), (1, 3.0)):
        speedup = {"value": ratio, "unit": "x", "source": "made", "low": ratio, "high": ratio, "n": 30}
        edited(made(seed, "sparse", scale=0.25), set_("exits", 1, "readings", "speedup", value=speedup)).save(
            tmp_path
        )
    before = made(2, "sparse", scale=0.25)
    for exit_ in before.exits:
        del exit_.readings["speedup"]
    before.sealed().save(tmp_path)
    (sparse,) = (row for row in board(tmp_path) if row.setup.method.name == "sparse")
    in_turn = reading(-1, "speedup")
    assert sparse.ratio(reading(-1, "latency"), timed=True, in_turn=in_turn) == 2.5
    assert sparse.ratio(reading(0, "latency"), timed=True, in_turn=reading(0, "speedup")) == pytest.approx(4)
    assert line_data(Line(sparse, None))["ratios"]["latency"] == 2.5
    assert "(2.50 x)" in AXES["latency"].value(sparse).words


def test_a_contested_record_counts_for_nothing_and_its_reason_is_shown(records, tmp_path):
    path = next(records.glob("*/mlp_dense-*/seed0.json"))
    values = values_of(path)
    values["exits"][1]["readings"]["top1"]["value"] = 0.995
    path.write_text(json.dumps(values))
    dense = next(row for row in board(records) if row.setup.method.name == "dense")
    assert dense.seeds == 2
    assert not dense.ranked
    assert dense.mean(reading(-1, "top1")).value == pytest.approx(0.905)
    write_pages(Store(records), tmp_path / "pages")
    for page in ("index.html", "digits-v1.md"):
        assert "changed after it was written" in (tmp_path / "pages" / page).read_text()


def test_a_board_says_which_macs_leave_something_out(records, tmp_path):
    for path in records.glob("*/mlp_sparse-*/seed*.json"):
        record = edited(Record.read(path), set_("notes", COSTLY, value={"_fft_r2c": 2}))
        path.write_text(record.model_dump_json())
    boards = read_boards(Store(records))[0]["digits-v1"]
    assert {row.setup.method.name: row.costly for row in boards.rows} == {
        "dense": [], "sparse": ["_fft_r2c"], "pruned": [],
    }  # fmt: skip
    write_pages(Store(records), tmp_path / "pages")
    page = (tmp_path / "pages" / "digits-v1.md").read_text()
    assert "## MACs that leave something out\n\n* mlp_sparse: _fft_r2c\n" in page.replace("\\_", "_")
    assert (tmp_path / "pages" / "index" / "digits-v1-rows-0.js").read_text().count(
        '"costly":["_fft_r2c"]'
    ) == 1
    console = Console(file=StringIO(), width=140)
    console.print(board_table(boards))
    assert console.file.getvalue().count("MACs leave out _fft_r2c") == 1
    assert any(COSTLY in line and "_fft_r2c" in line for line in warnings(record))


def test_what_was_measured_more_of_is_the_same_row_and_the_newer_record_counts(records, made):
    codecs = [*made().setup.codecs, made().setup.codecs[0].model_copy(update={"name": "new", "spec": "new"})]
    newer = made(0, right=(158, 190), codecs=codecs).model_copy(
        update={"created": "2999-01-01T00:00:00+00:00"}
    )
    newer.save(records)
    dense = next(row for row in board(records) if row.setup.method.name == "dense")
    assert dense.seeds == 3
    assert dense.records[0].exits[-1].readings["top1"].value == 190 / 200
    assert board(records)[1].parents


def test_an_interval_is_students_for_any_number_of_seeds():
    assert Mean.of(range(30)).half == pytest.approx(2.0452 * statistics.stdev(range(30)) / 30**0.5, rel=1e-4)


def test_a_number_that_some_seeds_lack_is_shown_with_how_many_have_it(records, made, tmp_path):
    untimed = [meter for meter in METERS if meter.name != "latency"]
    less = made(0, codecs=[], meters=untimed).model_copy(update={"created": "2999-01-01T00:00:00+00:00"})
    for exit_ in less.exits:
        del exit_.readings["latency"]
    less.save(records)
    dense = next(row for row in board(records) if row.setup.method.name == "dense")
    assert dense.mean(reading(-1, "latency")).n == 2
    assert len(dense.alike) == 2
    assert dense.mean(payload).n == 2
    write_pages(Store(records), tmp_path / "pages")
    assert "ms (n=2)" in (tmp_path / "pages" / "digits-v1.md").read_text()


def edit(path, *place, value, sealed=True):
    values = values_of(path)
    here = values
    for key in place[:-1]:
        here = here[key]
    here[place[-1]] = value
    if sealed:
        values["checksum"] = checksum(values)
    path.write_text(json.dumps(values))


OLD = {
    "policy": "fixed", "reference": False, "points": [{
        "thresholds": [None, None], "accuracy": 0.9, "macs": 3000.0, "shares": [], "calibration_accuracy": 0.9,
        "calibration_macs": 3000.0,
    }],
}  # fmt: skip
"""A curve of version 1, which would fit a made record if its shares were [0, 1]."""
ODD = [
    (("budget",), 5e-324),
    (("setup", "recipe", "epochs"), "abc"),
    (("training", 0, "steps"), 10**25),
    (("layers", 0, "shape"), [10**25]),
    (("setup", "recipe", "batch"), 10**25),
    (("curves", 0, "test", "left", 0), []),
    (("curves", 0), OLD),
    (("cuts", 1, "readings"), {"payload.int8": {"value": 1.0, "unit": "B", "source": "x"}}),
    (("exits",), []),
    (("cuts",), []),
    (("setup", "task", "name"), "a" * 300),
    (("setup", "task_version"), 10**25),
]


@pytest.mark.parametrize(("place", "value"), ODD, ids=[".".join(map(str, place)) for place, _ in ODD])
@pytest.mark.parametrize("seeds", [1, 3])
def test_no_record_keeps_the_others_from_their_board(made, tmp_path, place, value, seeds):
    folder = tmp_path / "records"
    made(0, "dense").save(folder)
    for seed in range(seeds):
        edit(made(seed, "sparse").save(folder), *place, value=value)
    write_pages(Store(folder), tmp_path / "pages")
    page = (tmp_path / "pages" / "digits-v1.md").read_text()
    assert "| mlp\\_dense | joint, 2 epochs |" in page
    entries, trouble = Store(folder).entries(Record)
    assert sum(entry.contested is not None for entry in entries) + len(trouble) == seeds


@pytest.mark.parametrize("number", ["NaN", "1e999", "1" * 5000, "-Infinity"])
def test_a_number_that_is_none_is_no_record(made, tmp_path, number):
    path = made().save(tmp_path)
    path.write_text(path.read_text().replace('"epochs":2', f'"epochs":{number}'))
    entries, trouble = Store(tmp_path).entries(Record)
    assert entries == []
    assert "no whole record" in trouble[0]


@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "link"])
def test_only_plain_files_are_read(made, tmp_path, kind):
    path = made().save(tmp_path)
    other = path.rename(tmp_path / "other.json")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else other)
    entries, trouble = Store(tmp_path).entries(Record)
    assert entries == []
    assert "cannot be read" in trouble[0]


def test_a_contested_record_names_no_row(records):
    path = next(records.glob("*/mlp_dense-*/seed0.json"))
    edit(path, "setup", "backbone", "spec", value="mlp[widths=9]")
    assert "mlp_dense" in [row.setup.model for row in board(records)]


def test_a_rows_plan_names_what_sets_it_apart(made, tmp_path):
    part = made().setup.task.model_copy(update={"spec": "digits[train=9]", "settings": {"train": 9}})
    for changes in ({}, {"task": part}, {"cut": 1}, {"recipe": {"epochs": 1, "batch": 10}}):
        setup = made().setup.model_copy(update=changes)
        made().model_copy(update={"setup": setup, "digest": setup.digest()}).save(tmp_path)
    plans = {row.plan for board in read_boards(Store(tmp_path))[0].values() for row in board.rows}
    assert plans == {
        "joint, 2 epochs", "joint, 2 epochs, digits[train=9]", "joint, 2 epochs, cut 1", "joint, 1 epoch"
    }  # fmt: skip


def test_networks_that_were_judged_on_different_data_are_never_ranked_together(made, tmp_path):
    task = made().setup.task
    part = task.model_copy(update={"spec": "digits[noise=0.5]", "settings": {"noise": 0.5}})
    for changes in ({}, {"task": part}, {"task_identity": {"files": "a"}}, {"task_identity": {"files": "b"}}):
        setup = made().setup.model_copy(update=changes)
        made().model_copy(update={"setup": setup, "digest": setup.digest()}).save(tmp_path / "records")
    boards = {name: one.rows for name, one in read_boards(Store(tmp_path / "records"))[0].items()}
    assert [len(rows) for rows in boards.values()] == [1, 1, 1, 1]
    assert "digits-v1" in boards
    assert all(re.fullmatch(r"digits-v1(-[0-9a-f]{6})?", name) for name in boards)
    write_pages(Store(tmp_path / "records"), tmp_path / "pages")
    heads = {path.read_text().splitlines()[0] for path in (tmp_path / "pages").glob("digits-v1-*.md")}
    apart = task_digest(boards, "digits[noise=0.5]")
    assert rf"# digits-v1-{apart}: digits\[noise=0.5\]" in heads


def task_digest(boards, spec):
    return next(name for name, rows in boards.items() if rows[0].setup.task.spec == spec)[-6:]


def test_a_network_that_was_given_its_weights_is_not_called_untrained(made):
    plans = [
        plan_of(made(weights=weights, recipe={"epochs": epochs, "batch": 10}).setup)
        for weights, epochs in ((None, 0), ("ab" * 32, 0), ("ab" * 32, 1))
    ]
    assert plans == ["joint, 0 epochs", "joint, weights given", "joint, weights given, 1 epoch"]


def test_equal_numbers_share_a_rank():
    assert shared([0.95, 0.9, 0.9 + 1e-12, 0.5, None]) == [1, 2, 2, 4, None]


def test_payloads_of_other_codecs_are_no_ratio(made, tmp_path):
    own = made().setup.codecs[0]
    for codecs in ([own], [own.model_copy(update={"name": "float32", "spec": "float32"})]):
        folder = tmp_path / codecs[0].name
        made().save(folder)
        made(method="sparse", codecs=codecs).save(folder)
        sparse = next(row for row in board(folder) if row.setup.method.name == "sparse")
        assert sparse.ratio(payload) == (1.0 if codecs == [own] else None)


def test_words_are_shown_as_they_are_written(records, tmp_path):
    next(records.glob("*/mlp_dense-*/seed0.json")).with_suffix(".contested").write_text("It's Bob's.")
    write_pages(Store(records), tmp_path / "pages")
    assert "It's Bob's." in (tmp_path / "pages" / "digits-v1.md").read_text()


def test_versions_never_mix(records, made):
    made(0, task_version=2).save(records)
    assert list(read_boards(Store(records))[0]) == ["digits-v1", "digits-v2"]


def test_payload_training_and_references_are_the_hand_counts(records):
    dense = board(records)[0]
    assert payload(dense.records[0]) == 64
    assert training_macs(dense.records[0]) == 3 * 3000 * 10 * 20
    by_name = {one.name: one for one in references(dense)}
    assert by_name["always on the device"].device_macs.value == 3000
    assert by_name["always on the server, 8-bit image"].payload.value == 64
    assert by_name["best fixed cut"].device_macs.value == 1000
    assert by_name["best fixed exit"].accuracy.value == pytest.approx(0.9)
    assert references(board(records)[1]) == []


def test_pages_are_a_pure_function_of_the_records(records, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(records, copy)
    for folder, pages in ((records, "a"), (copy, "b")):
        write_pages(Store(folder), tmp_path / pages)
    written = [page.relative_to(tmp_path / "a") for page in (tmp_path / "a").rglob("[!.]*.*")]
    assert len(written) > 5
    for name in written:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


BLOCKS = {f"digits-v2-{block}.js" for block in ("rows-0", "more-0-0", "tables")}
CHANGED = {"digits-v2.md", "index.html", "results.csv", "results.parquet"} | BLOCKS


def test_a_stale_page_is_found_and_a_strangers_page_left_alone(records, made, tmp_path):
    pages = tmp_path / "pages"
    write_pages(Store(records), pages)
    (pages / "notes-v2.md").write_text("mine")
    (pages / "index" / "notes.js").write_text("mine")
    assert stale(Store(records), pages) == ([], [])
    made(0, task_version=2).save(records)
    assert {path.name for path in stale(Store(records), pages)[0]} == CHANGED
    write_pages(Store(records), pages)
    (pages / "digits-v1.md").write_bytes(b"\xff")
    assert {path.name for path in stale(Store(records), pages)[0]} == {"digits-v1.md"}
    write_pages(Store(records), pages)
    shutil.rmtree(records / "digits-v2")
    assert {path.name for path in stale(Store(records), pages)[0]} == CHANGED
    write_pages(Store(records), pages)
    assert not (pages / "digits-v2.md").exists()
    assert not (pages / "index" / "digits-v2-rows-0.js").exists()
    assert (pages / "notes-v2.md").read_text() == (pages / "index" / "notes.js").read_text() == "mine"


def write_one(folder, pages, values, seed):
    record = Record.model_validate(values | {"seed": seed})
    record.save(Path(folder))
    write_pages(Store(Path(folder)), Path(pages))


def test_sixteen_processes_lose_no_record_and_tear_no_page(made, tmp_path):
    folder, pages = tmp_path / "records", tmp_path / "pages"
    values = json.loads(made().model_dump_json())
    context = multiprocessing.get_context("fork")
    team = [context.Process(target=write_one, args=(folder, pages, values, seed)) for seed in range(16)]
    for process in team:
        process.start()
    for process in team:
        process.join()
    assert [process.exitcode for process in team] == [0] * 16
    entries, trouble = Store(folder).entries(Record)
    assert len(entries) == 16
    assert trouble == []
    assert stale(Store(folder), pages) == ([], [])


def test_two_boards_merged_by_git_are_one(made, tmp_path):
    def git(*words):
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )

    def commit(seed):
        made(seed).save(tmp_path / "records")
        write_pages(Store(tmp_path / "records"), tmp_path)
        git("add", "-A")
        git("commit", "-m", f"seed {seed}")

    git("init", "-b", "main")
    (tmp_path / ".gitattributes").write_text("*.md -merge\nindex.html -merge\n")
    (tmp_path / ".gitignore").write_text(".lock\n")
    commit(0)
    git("checkout", "-b", "other")
    commit(1)
    git("checkout", "main")
    commit(2)
    merged = subprocess.run(
        ["git", "merge", "other"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "records" not in [
        word for line in merged.stdout.splitlines() if "CONFLICT" in line for word in line.split("/")
    ]
    assert "<<<<" not in (tmp_path / "digits-v1.md").read_text()
    write_pages(Store(tmp_path / "records"), tmp_path)
    assert len(Store(tmp_path / "records").entries(Record)[0]) == 3
    assert "| 3 | 90.00%" in (tmp_path / "digits-v1.md").read_text()


def evil(made):
    """A record with harmful text wherever it can have text, with a good checksum."""
    values = json.loads(made().model_dump_json())
    for name in ("backbone", "method", "exits", "task"):
        values["setup"][name]["spec"] = EVIL
    values["setup"]["recipe"][EVIL] = EVIL
    values["machine"]["processor"] = EVIL
    values["curves"][0]["policy"] = EVIL
    for walk in values["walks"][2:]:  # those by the policy
        walk["policy"] = EVIL
    values["cuts"][1]["readings"] = {
        name.replace("int8", EVIL): r for name, r in values["cuts"][1]["readings"].items()
    }
    values["exits"][0]["readings"][f"energy.{EVIL}"] = values["exits"][0]["readings"].pop(
        "energy.horowitz45-v1"
    )
    record = Record.model_validate(values)
    values["digest"] = record.setup.digest()
    values["checksum"] = checksum(values)
    return Record.model_validate(values)


def test_a_records_words_cannot_leave_the_text_of_a_page(made, tmp_path):
    evil(made).save(tmp_path / "records")
    write_pages(Store(tmp_path / "records"), tmp_path / "pages")
    page = (tmp_path / "pages" / "index.html").read_text()
    assert page.count("<script") == 2  # data, and the script
    assert "<img" not in page
    markdown = next((tmp_path / "pages").glob("digits-v1*.md")).read_text()
    assert "<script" not in markdown
    columns = next(line.count(" | ") for line in markdown.splitlines() if line.startswith("| group |"))
    lines = [line for line in markdown.splitlines() if line.startswith("| - |")]
    assert lines
    assert all(line.count(" | ") == columns for line in lines)


def test_the_page_works_from_disk_under_its_own_policy(look, records, tmp_path):
    write_pages(Store(records), tmp_path / "pages")
    seen = look(tmp_path / "pages" / "index.html")
    assert 'aria-label="Show one network: mlp_sparse, joint, 2 epochs"' in seen
    assert "2 of 2 networks with three seeds or more keep the limits" in seen
    assert (
        "<li>Of 1 smaller network, 0 store and compute more than 4 x less than their dense parent.</li>"
        in seen
    )


def test_a_pages_address_holds_what_it_shows(look, records, tmp_path):
    write_pages(Store(records), tmp_path / "pages")
    seen = look(f"{tmp_path / 'pages' / 'index.html'}#bytes=3&open=compare&x=macs.effective")
    assert "1 of 2 networks with three seeds or more keeps the limits" in seen
    assert "A is more accurate." in seen
    assert 'class="front"' in seen
    assert seen.count('class="point') == 3


def test_a_folded_table_is_drawn_when_it_is_opened(look, records, tmp_path):
    write_pages(Store(records), tmp_path / "pages")
    index = tmp_path / "pages" / "index.html"
    assert "always on the server, JPEG" not in look(index).partition("<script")[0]
    seen = look(f"{index}#open=References,%20from%20the%20dense%20networks").partition("<script")[0]
    assert "always on the server, JPEG" in seen


def test_times_of_another_machine_are_a_choice_and_in_no_table_beside_the_usual_ones(
    look, records, made, tmp_path
):
    for seed in (5, 6):
        record = edited(made(seed, "sparse", scale=0.25), slower(2000))
        record.model_copy(update={"machine": {"processor": "other", "threads": 1}}).sealed().save(records)
    write_pages(Store(records), tmp_path / "pages")
    index = tmp_path / "pages" / "index.html"
    usual, other = look(index), look(f"{index}#machine=other,%201%20thread")
    for seen, own, foreign in ((usual, "250 \u00b5s", "500 ms"), (other, "500 ms", "250 \u00b5s")):
        shown = seen[seen.index('id="best"') : seen.index('id="density"')]
        assert own in shown
        assert foreign not in shown
    assert "timed on other, 1 thread" in other


def test_a_record_with_a_script_in_its_name_runs_nothing(look, made, tmp_path):
    evil(made).save(tmp_path / "records")
    write_pages(Store(tmp_path / "records"), tmp_path / "pages")
    seen = look(tmp_path / "pages" / "index.html")
    assert "<title>Seesaw leaderboards</title>" in seen
    assert "<img" not in seen


def test_a_page_without_records_says_how_to_begin(look, tmp_path):
    with pytest.raises(SeesawError, match=r"no folder of records.*--records\."):
        write_pages(Store(tmp_path / "records"), tmp_path / "pages")
    assert not (tmp_path / "pages").exists()
    (tmp_path / "records").mkdir()
    write_pages(Store(tmp_path / "records"), tmp_path / "pages")
    assert "There is no record yet" in look(tmp_path / "pages" / "index.html")


def test_a_time_that_other_programs_disturbed_is_called_so_and_is_in_no_ranking(made, tmp_path):
    for seed in range(3):
        record = made(seed)
        for number, exit_ in enumerate(record.exits):
            slow = exit_.readings["latency"].model_dump() | {"value": 0.777, "high": 0.778, "disturbed": 5}
            record = edited(record, set_("exits", number, "readings", "latency", value=slow))
        record.save(tmp_path)
    pages, _ = files(Store(tmp_path))
    (markdown,) = (text.decode() for name, text in pages.items() if name.endswith(".md"))
    blocks = [text.decode() for name, text in pages.items() if name.endswith(".js")]
    for text in (markdown, pages["index.html"].decode(), pages["results.csv"].decode(), *blocks):
        assert "777 ms" not in text
        assert "0.777" not in text
    assert "disturbed" in markdown
    assert '"disturbed":["latency"]' in pages["index/digits-v1-rows-0.js"].decode()
