from io import StringIO

from rich.console import Console

from bench.boards.numbers import time_kept, whole_cost
from bench.boards.show.policies import answers_table, curves_table, early_table, walks_table
from bench.records.curve import Counts, Curve
from bench.records.reading import Reading
from bench.records.record import Behind, Early, Walked
from tests.bench.edited import aged, edited


def text(table):
    console = Console(file=StringIO(), width=120)
    console.print(table)
    return console.file.getvalue()


def row(table, name):
    return next(line.split() for line in text(table).splitlines() if line.split()[:1] == [name])


def test_a_curve_of_either_version_is_a_row(made):
    record = edited(made(), aged())
    counts = Counts(left=[[0, 200], [200, 0]], right=[180, 160])
    both = [
        *record.curves,
        Curve(policy="new", reference=False, costs=[1000, 3000], test=counts, calibration=counts),
        Curve(policy="bound", reference=True, costs=[1000, 3000], test=Counts(left=[[150, 50]], right=[190])),
    ]
    record = record.model_copy(update={"curves": both})
    assert {whole_cost(record, curve) for curve in both} == {3000}
    table = curves_table(record)
    expected = ["-", "82.50%", "86.25%", "90.00%", "56.67%", "0.25"]
    assert row(table, "fixed")[1:] == row(table, "new")[1:] == expected
    assert row(table, "bound")[-6:] == ["-", "95.00%", "95.00%", "95.00%", "-", "0.25"]


def test_without_a_count_of_macs_there_are_no_shares_of_them(made):
    record = edited(made(), aged())
    for exit_ in record.exits:
        del exit_.readings["macs.effective"]
    assert row(curves_table(record), "fixed")[1:] == ["-"] * 6
    counted = record.model_copy(update={"curves": made().curves})  # a curve of version 2 has its own costs
    assert row(curves_table(counted), "fixed")[1:] == ["-", "82.50%", "86.25%", "90.00%", "56.67%", "0.25"]


def test_answers_are_a_table_where_a_record_has_them(made):
    record = made()
    assert row(answers_table(record), "0")[1:] == ["1.5", "8.00%", "2.00%", "0.00%", "10.00%"]
    for exit_ in record.exits:
        for name in ("temperature", "ece", "ece.scaled", "overthinking", "underthinking"):
            del exit_.readings[name]
    assert answers_table(record) is None
    for name, value in {"temperature": 1.23, "ece": 0.05, "ece.scaled": 0.01, "overthinking": 0.02}.items():
        record.exits[0].readings[name] = Reading(value=value, unit="share", source="made")
    assert row(answers_table(record), "0")[1:] == ["1.23", "5.00%", "1.00%", "2.00%", "-"]


def walk(policy, batch, latency, routing=None, **more):
    seconds = {"latency": latency} | ({} if routing is None else {"routing": routing})
    readings = {name: Reading(value=value, unit="s", source="clock") for name, value in seconds.items()}
    point = None if policy is None else 1
    return Walked(policy=policy, point=point, batch=batch, left=[0, 9], moved=0, readings=readings, **more)


def test_walks_are_a_table_of_what_a_policy_saves_on_paper_and_on_the_clock(made):
    record = made().model_copy(update={"walks": []})
    assert walks_table(record) is None
    walks = [
        walk(None, 1, 2e-3), walk("fixed", 1, 4e-3, 1e-3), walk(None, 8, 1e-3), walk("fixed", 8, 4e-4, 2e-5),
    ]  # fmt: skip
    record = record.model_copy(update={"walks": walks})
    shown = text(walks_table(record))
    lines = [line.split() for line in shown.splitlines()]
    assert ["nobody", "leaves", "2", "ms", "1", "ms"] in lines
    assert ["fixed", "80.00%", "33%", "4", "ms", "400", "us"] in lines
    assert ["1", "ms", "20", "us"] in lines
    assert ["0.50", "x", "2.50", "x"] in lines
    assert time_kept(record, "fixed", 8) == 2.5
    assert time_kept(record, "fixed", 64) is time_kept(record, "other", 1) is None


def test_policies_at_cuts_are_a_table_of_who_is_answered_where(made):
    record = made()
    record.cuts[1].early.clear()
    assert early_table(record) is None
    behind = {
        "raw": Behind(payload=6400, framed=8000, right=180),
        "near": Behind(payload=1600, framed=3200, right=178),
        "far": Behind(payload=100, framed=1700, right=177),
    }
    record.cuts[1].early.append(Early(policy="fixed", point=1, device=100, behind=behind))
    all_gone = {"raw": Behind(payload=0, framed=0, right=160)}
    record.cuts[1].early.append(Early(policy="always", point=1, device=200, behind=all_gone))
    words = text(early_table(record)).split()
    at = words.index("fixed")
    assert words[at : at + 5] == ["fixed", "50.0%", "16B", "89.00%", "near"]
    at = words.index("always")
    assert words[at : at + 5] == ["always", "100.0%", "nothing", "80.00%", "raw"]
