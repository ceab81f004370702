"""Sheets, against the numbers that positions read."""

import numpy as np

from bench.execution.int8.sheets import sheet_of
from bench.execution.program.layout import ABSENT, LINE
from bench.execution.program.program import Affine


def image(**more):
    """A convolution of 3 x 3 over three channels of 4 x 5 pixels in rows of 7, two of padding."""
    first = 100 + np.arange(3) * 60
    columns = np.add.outer(first, [y * 7 + x for y in (-1, 0, 1) for x in (-1, 0, 1)]).reshape(-1)
    given = {"outer": 4, "length": 5, "in_outer": 7, "taps": 9}
    return Affine([], columns, np.zeros(2, np.float32), **(given | more))


def test_a_sheet_has_every_number_that_a_position_reads_where_it_is_looked_up():
    for samples in (1, 4):
        step = image()
        sheet = sheet_of(step, samples)
        arena = np.random.default_rng(0).integers(1, 100, (400, samples))
        laid = np.zeros((samples, sheet.pixels, sheet.wide), int)
        for channel, place in enumerate(sheet.channels):
            laid[:, :, channel] = arena[place : place + sheet.pixels].T
        laid = laid.reshape(-1)
        for outer in range(4):
            for position in range(5):
                for sample in range(samples):
                    at = outer * sheet.outer + sheet.line[position * samples + sample]
                    theirs = arena[step.columns + outer * 7 + position, sample]
                    assert (laid[at + sheet.columns] == theirs).all()


def test_columns_that_are_no_taps_of_channels_and_results_apart_have_no_sheet():
    assert sheet_of(image(), 1) is not None
    odd = image()
    odd.columns[3] += 1
    assert sheet_of(odd, 1) is None
    assert sheet_of(image(inner=2, out_inner=3, length=1), 1) is None
    assert sheet_of(image(keep=np.ones(5, bool)), 1) is None
    assert sheet_of(Affine([], np.full(4, ABSENT), np.zeros(1)), 1) is None


def test_a_number_that_is_nowhere_takes_no_channel():
    step = Affine([], np.array([7, ABSENT, 9]), np.zeros(1))
    sheet = sheet_of(step, 1)
    assert sheet.channels.tolist() == [7, 9]
    assert sheet.columns.tolist() == [0, ABSENT, 1]
    assert sheet.wide == LINE
