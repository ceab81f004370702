"""The plots as they are drawn: the content of each panel, and looks that can be told apart."""

from itertools import pairwise

import numpy as np
import pytest

from bench.records.terms import ALL_LAYERS, EARLY_EXIT, Terms
from bench.replay.streams import figures as drawn
from bench.replay.streams.tally import PolicyRow, Tally

MARKS = np.arange(10, 210, 10)


def row(name, alpha=0.7, offload=0.5, bound=False, regret=100.0):
    """A row of two reshufflings, whose accuracy and cost follow from its terms."""
    tallies = [
        Tally(alpha + more, offload + more, 0.5, np.linspace(0, regret, len(MARKS)), np.ones(2) / 2)
        for more in (0.0, 0.1)
    ]
    return PolicyRow(name, Terms(alpha, 0.1, offload, 1.0), bound, {}, tallies)


def group(*names, **terms):
    """Rows under the same terms, as a sweep gives them."""
    both = [row(ALL_LAYERS, **terms), row(EARLY_EXIT, regret=-50.0, **terms)]
    return both + [row(name, bound=name == "oracle", **terms) for name in names]


@pytest.fixture
def draw(monkeypatch, tmp_path):
    """Draws rows, and gives each plot's canvas."""
    canvases = {}
    monkeypatch.setattr(drawn, "write", lambda canvas, path: canvases.update({path.name: canvas}))

    def one(rows, **more):
        drawn.figures(rows, MARKS, tmp_path, **more)
        for canvas in canvases.values():
            canvas.draw_without_rendering()
        return canvases

    return one


def legend(canvas):
    """Names and looks in the one legend."""
    (one,) = canvas.legends
    return {
        text.get_text(): (handle.get_color(), handle.get_linestyle(), handle.get_marker())
        for text, handle in zip(one.get_texts(), one.legend_handles, strict=True)
    }


def titles(canvas):
    return [axis.get_title() for axis in canvas.axes]


def test_every_alpha_has_a_panel_of_its_own_and_a_name_one_entry(draw):
    rows = [
        *group("splitee", "random", "oracle", offload=0.1), *group("splitee", "random", "oracle", offload=0.2),
        *group("i-splitee", "random", "oracle", alpha=0.5, offload=0.1),
        *group("i-splitee", "random", "oracle", alpha=0.5, offload=0.2),
    ]  # fmt: skip
    canvases = draw(rows)
    learning = [ALL_LAYERS, EARLY_EXIT, "splitee", "random", "i-splitee"]
    assert list(legend(canvases["regret.png"])) == learning
    for canvas in canvases.values():
        assert titles(canvas) == ["alpha 0.7", "alpha 0.5"]
    names = {line.get_label() for line in canvases["regret.png"].axes[1].lines}
    assert names == {ALL_LAYERS, EARLY_EXIT, "random", "i-splitee"}
    cost = canvases["cost.png"]
    assert [text.get_text() for text in cost.legends[0].get_texts()] == [*learning, "oracle (bound)"]
    assert [len(axis.containers) for axis in cost.axes] == [5, 5]
    assert "layer 0.1, mu 1; means over 2 reshufflings" in cost._supxlabel.get_text()
    assert "offload 0.1" in canvases["regret.png"]._supxlabel.get_text()


def test_regret_is_of_each_policys_first_cost_of_sending_on(draw):
    canvases = draw([*group("splitee", offload=0.1), *group("thompson", offload=0.4)])
    assert titles(canvases["regret.png"]) == ["offload 0.1", "offload 0.4"]
    assert titles(canvases["accuracy.png"]) == [""]


def test_no_two_of_twenty_policies_look_alike_and_early_exit_is_dashed_below_zero(draw):
    rows = group(*(f"policy-{number}" for number in range(20)))
    canvas = draw(rows)["regret.png"]
    looks = legend(canvas)
    assert len(looks) == len(set(looks.values())) == 22
    assert len({look[:2] for look in looks.values()}) == 22  # by line alone too
    assert looks[EARLY_EXIT][1] == "--"
    early = canvas.axes[0].lines[1]
    assert early.get_ydata()[-1] == -50
    assert canvas.axes[0].get_ylim()[0] < -50


@pytest.mark.parametrize("names", [("splitee",), tuple(f"policy-{n}[window=123456789]" for n in range(12))])
def test_the_legend_lies_beside_the_panels_and_inside_the_figure(draw, names):
    rows = [*group(*names, offload=0.1), *group(*names, offload=0.2), *group(*names, alpha=0.5, offload=0.1)]
    for canvas in draw(rows).values():
        box = canvas.legends[0].get_window_extent()
        assert all(axis.get_window_extent().x1 <= box.x0 for axis in canvas.axes)
        assert all(axis.get_window_extent().width > 300 for axis in canvas.axes)
        assert box.x1 <= canvas.bbox.x1
        assert box.y0 >= 0


def test_without_a_sweep_every_name_has_a_row_of_its_own_bounds_last(draw):
    canvas = draw([*group("splitee", "oracle"), *group("i-splitee", "oracle", alpha=0.5)])["accuracy.png"]
    assert not canvas.legends
    names = [ALL_LAYERS, EARLY_EXIT, "splitee", "i-splitee", "oracle (bound)"]
    assert [text.get_text() for text in canvas.axes[0].get_yticklabels()] == names
    here, there = (
        {round(one.lines[0].get_ydata()[0]): one.lines[0].get_xdata()[0] for one in axis.containers}
        for axis in canvas.axes
    )
    assert here == pytest.approx({0: 0.75, 1: 0.75, 2: 0.75, 4: 0.75})
    assert there == pytest.approx({0: 0.55, 1: 0.55, 3: 0.55, 4: 0.55})
    down = [axis.transData.transform((0.6, at))[1] for axis in canvas.axes[:1] for at in range(5)]
    assert all(upper > lower for upper, lower in pairwise(down))


def test_more_panels_than_one_can_look_at_are_left_out_and_counted_in_the_caption(draw, monkeypatch):
    monkeypatch.setattr(drawn, "PANELS", 2)
    canvas = draw([one for alpha in (0.5, 0.6, 0.7) for one in group("splitee", alpha=alpha)])["regret.png"]
    assert titles(canvas) == ["alpha 0.5", "alpha 0.6"]
    assert "the first 2 of 3 panels" in canvas._supxlabel.get_text()


def test_a_plot_ends_as_it_was_asked_to(tmp_path):
    for ending, start in (("svg", b"<?xml"), ("pdf", b"%PDF")):
        for path in drawn.figures(group("splitee"), MARKS, tmp_path, ending=ending):
            assert path.read_bytes().startswith(start)
