"""Figures of boards, read back from matplotlib's canvas before it is written.

Covers: bench/drawing.py, bench/boards/styles.py, bench/boards/show/forms.py
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

    def write(canvas, path):
        canvas.canvas.draw()
        canvases.append(canvas)

    monkeypatch.setattr("bench.boards.show.figure.write", write)

    def draw(x, y, width=None):
        figure(board, board.fields[0], board.lines, x, y, tmp_path / "plot.svg", styles(board.rows), width)
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


def test_a_narrow_figure_keeps_letters_that_can_be_read_and_all_of_it_inside(drawn):
    canvas, plot = drawn("effective", "accuracy", 3.3)
    assert canvas.get_size_inches()[0] == 3.3
    (legend,) = canvas.legends
    texts = [*legend.get_texts(), *plot.get_xticklabels(), plot.xaxis.label, canvas._supxlabel]
    assert min(text.get_fontsize() for text in texts) >= 5.8
    assert legend.get_window_extent().y0 >= plot.get_window_extent().y1
    for part in (legend, plot, canvas._supxlabel):
        box = part.get_tightbbox()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= canvas.bbox.x1
        assert box.y1 <= canvas.bbox.y1


def test_a_wider_figure_is_the_usual_one_made_larger(drawn):
    usual, wide = (drawn("effective", "accuracy", width)[0].get_size_inches() for width in (None, 12.8))
    assert list(wide) == pytest.approx([2 * usual[0], 2 * usual[1]])


def test_the_caption_counts_the_seeds_that_were_timed_and_not_all_there_are(made, tmp_path, monkeypatch):
    for seed in range(3):
        made(seed).save(tmp_path / "records")
    for seed in (3, 4):
        slow = made(seed).model_copy(update={"machine": {"processor": "other", "threads": 1}})
        slow.sealed().save(tmp_path / "records")
    board, canvases = read_boards(Store(tmp_path / "records"))[0]["digits-v1"], []
    monkeypatch.setattr("bench.boards.show.figure.write", lambda canvas, path: canvases.append(canvas))
    for x in ("latency", "macs"):
        figure(
            board,
            board.fields[0],
            board.fields[0].lines,
            x,
            "top1",
            tmp_path / "plot.svg",
            styles(board.rows),
        )
    timed, counted = (canvas.get_supxlabel() for canvas in canvases)
    assert "over n = 3 to 5 seeds" in timed
    assert "over n = 5 seeds" in counted


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


def test_no_interval_of_an_accuracy_and_no_axis_of_one_goes_beyond_100_percent(made, tmp_path, monkeypatch):
    for seed, right in enumerate((170, 199, 200)):
        made(seed, right=(160, right)).save(tmp_path / "records")
    board, canvases = read_boards(Store(tmp_path / "records"))[0]["digits-v1"], []
    assert board.lines[0].last["top1"].mean.high > 1.1
    monkeypatch.setattr("bench.boards.show.figure.write", lambda canvas, path: canvases.append(canvas))
    figure(board, board.fields[0], board.lines, "macs", "top1", tmp_path / "plot.svg", styles(board.rows))
    (plot,) = canvases[0].axes
    (bars,) = plot.containers
    ends = [float(end) for segment in bars.lines[2][-1].get_segments() for end in segment[:, 1]]
    assert max(ends) == pytest.approx(1)
    assert min(ends) == pytest.approx(board.lines[0].last["top1"].mean.low)
    assert plot.get_ylim()[1] == 1


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


@pytest.mark.parametrize("width", [0.5, -1, float("nan"), float("inf")])
def test_a_width_at_which_nothing_can_be_read_is_a_sentence(drawn, width):
    with pytest.raises(SeesawError, match=r"Write --width 3\.3 for one column of a paper"):
        drawn("macs", "top1", width)
