"""Figures of boards, read back from matplotlib's canvas before it is written.

Covers: bench/drawing.py, bench/boards/styles.py
"""

import pytest

from bench import SeesawError
from bench.boards.axes import AXES
from bench.boards.board import read_boards
from bench.boards.show.figure import ALIKE, _leaves, figure
from bench.boards.styles import styles
from bench.records.mean import Mean
from bench.records.store import Store


@pytest.fixture
def board(made, tmp_path):
    """Three dense seeds, of 90% on average with 3000 MACs, and one sparse one, of 80% with a quarter of them."""
    for seed, right in enumerate((178, 180, 182)):
        made(seed, right=(160, right)).save(tmp_path / "records")
    made(0, "sparse", right=(160, 160), scale=0.25).save(tmp_path / "records")
    return read_boards(Store(tmp_path / "records"))[0]["digits-v1"]


@pytest.fixture
def drawn(board, tmp_path, monkeypatch):
    """Draws some axes; gives the canvas and its one plot."""
    canvases = []
    monkeypatch.setattr("bench.boards.show.figure.write", lambda canvas, path: canvases.append(canvas))

    def draw(x, y):
        figure(board, board.fields[0], board.lines, x, y, tmp_path / "plot.svg", styles(board.rows))
        (plot,) = canvases[-1].axes
        return canvases[-1], plot

    return draw


def test_every_model_is_a_mark_at_its_means_and_unranked_ones_are_pale(drawn):
    canvas, plot = drawn("effective", "accuracy")
    marks = {float(bars.lines[0].get_xdata()[0]): bars.lines[0] for bars in plot.containers}
    assert {x: float(mark.get_ydata()[0]) for x, mark in marks.items()} == pytest.approx(
        {3000.0: 0.9, 750.0: 0.8}
    )
    assert {x: mark.get_alpha() for x, mark in marks.items()} == {3000.0: 1.0, 750.0: 0.35}
    assert (plot.get_xscale(), plot.get_yscale()) == ("log", "linear")
    assert (plot.get_xlabel(), plot.get_ylabel()) == ("effective MACs (MAC)", "top-1 accuracy")
    caption = canvas.get_supxlabel()
    assert caption.startswith("digits-v1, 2 epochs, made, 1 thread: 2 models, last exits;")
    assert "n = 1 to 3 seeds; pale" in caption


def test_marks_of_equal_numbers_stand_side_by_side_and_the_caption_says_so(made, tmp_path, monkeypatch):
    for method in ("sparse", "pruned", "random"):
        for seed in range(2):
            made(seed, method, right=(160, 160 + 2 * seed), scale=0.25).save(tmp_path / "records")
    made(0).save(tmp_path / "records")
    board, canvases = read_boards(Store(tmp_path / "records"))[0]["digits-v1"], []
    monkeypatch.setattr("bench.boards.show.figure.write", lambda canvas, path: canvases.append(canvas))
    figure(
        board, board.fields[0], board.lines, "effective", "accuracy", tmp_path / "plot.svg", styles(board.rows)
    )  # fmt: skip
    (plot,) = canvases[0].axes
    places = sorted(float(bars.lines[0].get_xdata()[0]) for bars in plot.containers)
    assert places[1] == pytest.approx(750)
    assert places[0] < 750 < places[2] < 750 * (1 + ALIKE)
    assert places[3] == 3000, "one alone stands at its number"
    assert "nearly equal numbers stand side by side" in canvases[0].get_supxlabel()
    names = [one.get_text() for one in canvases[0].legends[0].get_texts()]
    assert names[:2] == ["dense", "weights left out in or after training:"]
    assert sorted(names[2:]) == ["pruned", "random", "sparse"]


def test_an_interval_that_reaches_to_0_leaves_a_logarithmic_axis(drawn):
    canvas, _ = drawn("effective", "accuracy")
    assert "reach to 0" not in canvas.get_supxlabel()
    wide = [Mean(10.0, 30.0, 3), Mean(100.0, 1.0, 3)]
    assert _leaves(wide, AXES["latency"])
    assert not _leaves(wide[1:], AXES["latency"])
    assert not _leaves(wide, AXES["top1"])


def test_words_of_the_command_line_stand_for_axes(drawn):
    assert drawn("storage", "accuracy")[1].get_xlabel() == "packed bytes (B)"


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_same_board_gives_the_same_file(board, tmp_path, ending):
    one, other = (
        figure(
            board,
            board.fields[0],
            board.lines,
            "macs",
            "top1",
            tmp_path / f"{name}.{ending}",
            styles(board.rows),
        )
        for name in ("one", "other")
    )
    assert one.read_bytes() == other.read_bytes() != b""


@pytest.mark.parametrize(
    ("lines", "x", "name", "sentence"),
    [
        (slice(None), "weight", "plot.png", "There is no axis 'weight'. The axes are top1, top5"),
        (slice(None), "energy", "plot.png", "has both energy and top1. Choose other axes."),
        (slice(0), "macs", "plot.png", "of these backbones and methods. Name others."),
        (slice(None), "macs", "plot.gif", "End it in .png, .svg or .pdf."),
    ],
)
def test_what_cannot_be_drawn_is_a_sentence_and_no_file(board, tmp_path, lines, x, name, sentence):
    with pytest.raises(SeesawError) as error:
        figure(board, board.fields[0], board.lines[lines], x, "top1", tmp_path / name, styles(board.rows))
    assert sentence in str(error.value)
    assert not (tmp_path / name).exists()
