"""Layers that may share one tensor: their density may count it once, and looking for which ones ends in time."""

import pytest

from bench.records.checks.network import _made_of, _stage_macs
from bench.records.reading import Reading
from bench.records.record import LayerRow


def rows(*sizes):
    """Layers of these sizes, half of whose weights exist."""
    return [
        LayerRow(name=f"stages.{n}", shape=[2, size // 2], density=0.5, pattern=None)
        for n, size in enumerate(sizes)
    ]


def share(value, n):
    return Reading(value=value, unit="share", source="masks", n=n)


@pytest.mark.parametrize(("n", "fits"), [(60, True), (50, True), (40, True), (30, True), (55, False)])
def test_a_density_may_count_equal_layers_once(n, fits):
    assert _made_of(share(0.5, n), rows(20, 20, 10, 10)) is fits


def test_pairs_of_layers_that_a_stranger_made_are_looked_through_within_bounds():
    layers = rows(*(2 << n for n in range(18) for _ in "ab"))
    assert _made_of(share(0.5, 7), layers), "nobody can tell, and half a million sums are not made for it"


def test_a_block_that_is_called_again_in_a_later_stage_may_do_the_macs_of_its_density_there():
    def faults(density):
        block = LayerRow(name="stages.1.block", shape=[24, 24], density=density, pattern=None)
        return list(_stage_macs(2, 36_864, 18_432, [], [block], connected=True))

    assert faults(0.5) == []
    assert len(faults(0.75)) == 1
