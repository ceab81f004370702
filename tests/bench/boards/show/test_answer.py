"""The first screen of a run: that it fits, that it marks what is not to be trusted, and what it says to do."""

import io

import pytest
from rich.console import Console

from bench.boards.show.answer import ROWS, answer
from bench.records.notes import OUT_OF_ORDER
from tests.bench.edited import beside_engines, edited, set_


def screen(record, parent=None):
    console = Console(width=100, record=True, file=io.StringIO())
    for part, style in answer(record, parent):
        console.print(part, style=style)
    return console.export_text()


def disturbed(record, name):
    old = record.exits[0].readings[name].model_dump()
    return edited(record, set_("exits", 0, "readings", name, value=old | {"disturbed": old["n"]}))


def test_ratios_are_over_the_dense_parent_or_over_the_network_without_its_mask(made):
    sparse = made(0, "sparse", right=(150, 170), scale=0.25)
    alone, beside = screen(sparse), screen(sparse, made(0))
    assert "how many times less than without the mask" in alone
    assert "Run mlp_dense to compare accuracy" in alone
    assert "85.00% (-5.0)" in beside
    assert "750 (4.0 x)" in beside
    assert "85.00% (" not in alone
    assert "In brackets" not in screen(made(0))


@pytest.mark.parametrize(("name", "mark"), [("latency", "~250 us"), ("speedup", "(~4.00 x")])
def test_times_that_other_programs_disturbed_are_marked_with_what_to_do(made, name, mark):
    sparse = made(0, "sparse", scale=0.25)
    assert "~" not in screen(sparse)
    shown = screen(disturbed(sparse, name))
    assert mark in shown
    assert "in no ranking" in shown
    assert "--measure" in shown


def test_a_network_of_many_exits_shows_some_of_them_from_the_first_to_the_last(made):
    record = made(0)
    exits = [one.model_copy(update={"stage": number}) for number, one in enumerate(record.exits * 20)]
    lines = screen(record.model_copy(update={"exits": exits})).splitlines()
    shown = [line.split()[0] for line in lines if "(stage" in line]
    assert (len(shown), shown[0], shown[-1]) == (ROWS, "0", "39")
    assert len(lines) <= 25


def test_notes_of_faults_are_shown(made):
    record = made(0)
    notes = record.notes | {"disconnected layers": ["stages.1"]}
    assert "Note, disconnected layers: stages.1" in screen(record.model_copy(update={"notes": notes}))


def test_an_exit_that_is_slower_than_a_deeper_one_is_named_and_no_other_program_is_blamed(made):
    slow = disturbed(made(0), "latency")
    noted = slow.model_copy(update={"notes": slow.notes | {OUT_OF_ORDER: {"0": 1}}})
    shown = " ".join(screen(noted).split())
    assert "~1 ms" in shown
    assert "To exit 0 it took longer than to exit 1, which is deeper" in shown
    assert "Other programs" not in shown


def test_a_ratio_to_an_engine_is_shown_in_place_of_the_older_one_and_says_so(made):
    old = made(0, "sparse", scale=0.25)
    new = beside_engines(old)
    assert "(4.00 x" in screen(old)
    assert "(2.00 x, 1.50-2.50)" in screen(new)
    assert "(4.00 x" not in screen(new)
    assert "Times in brackets: over the fastest dense way here (Quick 1.0)." in screen(new)
    assert "Times in brackets" not in screen(old)


def test_a_note_of_several_values_is_in_words_and_in_one_line(made):
    record = made()
    note = {
        "torch.utils.flop_counter on meta": 416_416.0,
        "fvcore": 467_664.0,
        "share": 0.1231,
        "unknown to fvcore": {"aten::add": 35},
    }
    shown = screen(record.model_copy(update={"notes": record.notes | {"counters differ": note}}))
    line = "Note, counters differ: torch.utils.flop_counter on meta 416 k, fvcore 468 k, share 0.1231"
    assert line in shown.splitlines()
