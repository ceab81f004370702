"""Rate curves of made records: their points, their differences to the input's JPEG, and the lines that answer."""

import pytest

from bench.boards.board import read_boards
from bench.boards.data import more_data
from bench.boards.rates import Rates
from bench.boards.show.markdown import page
from bench.boards.show.record import rate_parts
from bench.records.store import Store
from tests.bench.edited import edited, set_
from tests.bench.made import named, reading

SAMPLES = 200
RIGHT = 180
PICTURES = {
    "picture[quality=10]": (100.0, 150),
    "picture[quality=50]": (200.0, 178),
    "picture[quality=90]": (400.0, 180),
}
LATENTS = {"waist[bits=1]": (10.0, 160), "waist[bits=2]": (20.0, 179), "waist[bits=4]": (40.0, 180)}


def crossing(codec, size, right, frame):
    source = f"codec {codec}, test split"
    spread = {"low": size, "high": size, "n": SAMPLES}
    return {
        f"payload.{codec}": reading(size, "B", source, **spread),
        f"framed.{codec}": reading(
            size + frame, "B", source, **{**spread, "low": size + frame, "high": size + frame}
        ),
        f"volume.{codec}": reading(size, "B", source, n=SAMPLES),
        f"top1.{codec}": reading(right / SAMPLES, source=source, n=SAMPLES),
        f"top5.{codec}": reading(1.0, source=source, n=SAMPLES),
        f"agree.{codec}": reading(1 - abs(RIGHT - right) / SAMPLES, source=source, n=SAMPLES),
    }


def record(made, seed=0, latents=LATENTS, pictures=PICTURES, scale=1.0):
    """A record with three pictures at cut 0 and a codec of three rates at cut 1."""
    codecs = [named("int8"), *(named(spec, bits=int(spec[-2])) for spec in latents if "," not in spec)]
    codecs += [named(spec, bits=1, through="zstd") for spec in latents if "," in spec]
    codecs += [named(spec, format="jpeg", quality=int(spec[-3:-1])) for spec in pictures]
    one = made(seed, codecs=codecs)
    cuts = []
    for cut, frame, some in ((one.cuts[0], 24, pictures), (one.cuts[1], 16, latents)):
        more = {
            name: value
            for codec, (size, right) in some.items()
            for name, value in crossing(codec, size * (scale if frame == 16 else 1), right, frame).items()
        }
        readings = {name: value for name, value in cut.readings.items() if not name.endswith(tuple(latents))}
        readings = {name: value for name, value in readings.items() if not name.endswith(tuple(pictures))}
        cuts.append(cut.model_copy(update={"readings": readings | more, "early": []}))
    return one.model_copy(update={"cuts": [*cuts, one.cuts[2]]}).sealed()


def test_codecs_of_one_kind_make_a_curve_and_formats_of_the_input_another(made):
    rates = Rates([record(made)])
    found = {(curve.cut, curve.name): [point.codec for point in curve.points] for curve in rates.curves}
    assert found == {
        (0, "jpeg"): ["picture[quality=10]", "picture[quality=50]", "jpeg", "picture[quality=90]"],
        (0, "values"): ["image8"],
        (1, "int8"): ["int8"],
        (1, "waist"): list(LATENTS),
    }


def test_settings_in_words_set_curves_apart(made):
    latents = {"waist[bits=1,through=zstd]": (5.0, 170), **LATENTS}
    assert {curve.name for curve in Rates([record(made, latents=latents)]).curves if curve.cut} == {
        "int8",
        "waist",
        "waist[through=zstd]",
    }


def test_the_difference_to_jpeg_is_a_mean_over_seeds_with_its_interval(made):
    rates = Rates([record(made, seed, scale=scale) for seed, scale in enumerate((0.9, 1.0, 1.1))])
    waist = next(curve for curve in rates.curves if curve.name == "waist")
    found = rates.difference(waist)
    assert found.mean is not None
    assert found.mean.n == 3
    assert found.mean.half is not None
    assert found.mean.half > 0
    assert -0.95 < found.mean.value < -0.85
    assert (found.low, found.high) == (0.8, 0.9)


def test_without_common_accuracies_there_is_a_sentence_and_no_number(made):
    low = {"waist[bits=1]": (10.0, 60), "waist[bits=2]": (20.0, 70), "waist[bits=4]": (40.0, 80)}
    rates = Rates([record(made, latents=low)])
    waist = next(curve for curve in rates.curves if curve.name == "waist")
    assert rates.difference(waist).mean is None
    row = next(cells for cells in rates.rows() if cells[1].text == "waist")
    assert "below the reference's" in row[6].text
    assert "%" not in row[6].text
    assert row[7].text == "no codec keeps so much"


def answers(made, **how):
    return Rates([record(made, seed, **how) for seed in range(3)]).answers()


def test_a_line_says_what_a_cut_sends_and_what_jpeg_of_the_input_needs(made):
    lost, agreement = answers(made)
    assert "20B by waist[bits=2] at cut 1 (36B framed, 1 k MACs on the device)" in lost
    assert "the input needs 200B as JPEG (picture[quality=50])" in lost
    assert lost.endswith("64B as 8-bit values: JPEG takes 10 times as many (3 seeds).")
    assert agreement.startswith("At 99% agreement")
    assert "200B as JPEG (picture[quality=50])" in agreement


def test_where_the_input_wins_the_line_says_so(made):
    big = {codec: (30 * size, right) for codec, (size, right) in LATENTS.items()}
    big["waist[bits=1]"] = (300.0, 100)
    one = Rates([record(made, seed, latents=big) for seed in range(3)])
    without = [curve for curve in one.curves if curve.name != "int8"]
    inner = one.fewest([curve for curve in without if curve.cut], lambda point: point.lost.value <= 0.01)
    assert inner is not None
    assert inner.codec == "waist[bits=2]"
    object.__setattr__(one, "curves", without)
    assert "the input as JPEG wins, and the cut takes 3 times as many (3 seeds)" in one.answers()[0]
    assert "but the input as 8-bit values wins, and the cut takes 9.38 times as many" in one.answers()[0]


def test_where_no_codec_keeps_so_much_the_input_wins(made):
    poor = {codec: (size, 100) for codec, (size, _) in LATENTS.items()}
    one = Rates([record(made, latents=poor)])
    object.__setattr__(one, "curves", [curve for curve in one.curves if curve.name != "int8"])
    assert "no codec at an inner cut keeps so much; the input needs 200B as JPEG" in one.answers()[0]
    assert one.answers()[0].endswith("the input as JPEG wins.")


def test_seeds_that_differ_more_than_the_sizes_are_not_told_apart(made):
    one = Rates([record(made, seed, scale=scale) for seed, scale in enumerate((4.0, 10.0, 16.0))])
    object.__setattr__(one, "curves", [curve for curve in one.curves if curve.name in ("waist", "jpeg")])
    assert "cannot be told apart" in one.answers()[0]


def test_boards_show_them_and_older_records_have_none(made, tmp_path):
    folder = tmp_path / "records"
    made(0, "sparse", scale=0.25).save(folder)
    assert "Bytes and accuracy at cuts" not in page(read_boards(Store(folder))[0]["digits-v1"])
    record(made).sealed().save(folder)
    board = read_boards(Store(folder))[0]["digits-v1"]
    text = page(board)
    assert "Bytes and accuracy at cuts" in text
    assert "| 1 | waist | 3 | 10B to 40B |" in text
    shown = [more_data(line) for line in board.lines]
    curves = [one["rates"]["curves"] for one in shown if "rates" in one]
    assert len(curves) == 1
    assert len(shown) == 2
    assert curves[0][-1]["points"][0][:2] == ["waist[bits=1]", [10.0, None]]


def test_one_record_shows_them_in_the_terminal(made):
    table, *lines = [part for part, _ in rate_parts(record(made))]
    assert table.row_count == 4
    assert len(lines) == 2
    assert list(rate_parts(made(0))) == []


@pytest.mark.parametrize(("name", "value"), [("agree", 0.5), ("volume", 63.0), ("volume", 64.001)])
def test_an_agreement_or_a_mean_that_other_numbers_contradict_is_a_fault(made, name, value):
    def with_value(number):
        source = "codec int8, test split"
        one = reading(number, "share" if name == "agree" else "B", source, n=SAMPLES)
        first = made(0)
        return edited(first, set_("cuts", 1, "readings", f"{name}.int8", value=one.model_dump()))

    assert with_value(1.0 if name == "agree" else 64.0).faults() == []
    lossless = with_value(value)
    if name == "agree":
        lossless = edited(lossless, set_("cuts", 1, "readings", "top1.int8", "value", value=0.3))
    assert any(f"{name}.int8" in fault for fault in lossless.faults())
