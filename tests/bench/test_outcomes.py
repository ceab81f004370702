from io import StringIO

from rich.console import Console

from bench.curves import Counts, Curve
from bench.meter import Reading
from bench.outcomes import answers_table, curves_table, whole_cost


def text(table):
    console = Console(file=StringIO(), width=120)
    console.print(table)
    return console.file.getvalue()


def row(table, name):
    return next(line.split() for line in text(table).splitlines() if line.split()[:1] == [name])


def test_a_curve_of_either_version_is_a_row(made):
    record = made()
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
    record = made()
    for exit_ in record.exits:
        del exit_.readings["macs.effective"]
    assert row(curves_table(record), "fixed")[1:] == ["-"] * 6


def test_answers_are_a_table_where_a_record_tells_of_them(made):
    record = made()
    assert answers_table(record) is None
    for name, value in {"temperature": 1.23, "ece": 0.05, "ece.scaled": 0.01, "overthinking": 0.02}.items():
        record.exits[0].readings[name] = Reading(value=value, unit="share", source="made")
    assert row(answers_table(record), "0")[1:] == ["1.23", "5.00%", "1.00%", "2.00%", "-"]
