"""An extract gives what its record gives, and is the same after JSON.

Covers: bench/boards/curves.py, bench/boards/readings.py
"""

import json
import math

import pytest

from bench.boards.curves import BUDGETS, SHARES
from bench.boards.extract import Extract, Tables, values_of
from bench.boards.numbers import (
    crossings,
    cut_packed,
    cut_reading,
    modelled_names,
    packed,
    payload,
    reading,
    smallest,
    time_kept,
    whole_cost,
)
from bench.boards.rates import Rates
from bench.records.reading import Reading
from bench.records.record import Walked
from bench.records.setup import board_of, parent_of
from tests.bench.edited import edited, set_


def test_every_number_that_boards_take_is_the_records_own(made):
    record = made(0, "sparse")
    clock = Reading(value=2e-3, unit="s", source="clock", low=2e-3, high=2e-3, n=5, disturbed=1)
    record.exits[0].readings["latency"] = clock
    record.exits[0].readings["a name\nof two lines"] = clock
    own = Extract.of(record)
    assert len(own.exits) == len(record.exits)
    for number, exit_ in enumerate(record.exits):
        assert own.exits[number].stage == exit_.stage
        assert list(own.exits[number].readings) == list(exit_.readings)
        for name in (*exit_.readings, "nothing"):
            assert reading(number, name)(own) == reading(number, name)(record)
        assert packed(number)(own) == packed(number)(record) is not None
        assert smallest(own.exits[number].readings) == smallest(exit_.readings)
    assert reading(0, "latency")(own) is None, "it was disturbed"
    for number, cut in enumerate(record.cuts):
        assert (own.cuts[number].before, own.cuts[number].shape) == (cut.before, cut.shape)
        assert {name: one.value for name, one in own.cuts[number].readings.items()} == {
            name: one.value for name, one in cut.readings.items()
        }
        assert crossings(own.cuts[number]) == crossings(cut)
        assert cut_packed(number)(own) == cut_packed(number)(record)
        assert cut_reading(number, "macs.effective.device")(own) == cut_reading(
            number, "macs.effective.device"
        )(record)
    assert payload(own) == payload(record) is not None
    assert modelled_names(own) == modelled_names(record)
    assert Rates([own]).rows() == Rates([record]).rows() != []


def test_layers_training_and_work_are_added_up(made):
    record = made(0, "sparse", scale=0.25)
    own = Extract.of(record)
    sizes = {layer.name: math.prod(layer.shape) for layer in record.layers}
    kept = sum(sizes[layer.name] * layer.density for layer in record.layers)
    assert own.density == kept / sum(sizes.values()) < 1
    assert own.has_gaps
    assert not own.has_patterns
    assert own.training_macs == sum(row.macs for row in record.training)
    assert own.work_seconds == sum(record.seconds.values())
    assert (own.digest, own.seed, own.budget, own.created) == (
        record.digest,
        record.seed,
        record.budget,
        record.created,
    )
    assert (own.asked.training, own.asked.parent) == (record.setup.training_digest(), parent_of(record.setup))
    assert (own.asked.digest, own.asked.board) == (record.setup.digest(), board_of(record.setup))
    assert own.setup == record.setup


def test_the_numbers_of_curves_are_those_of_their_points(made):
    record = made(0)
    own = Extract.of(record)
    assert [one.policy for one in own.curves] == [curve.policy for curve in record.curves] != []
    for one, curve in zip(own.curves, record.curves, strict=True):
        whole = whole_cost(record, curve)
        assert one.whole == whole
        spots = [curve.at(share * whole) for share in SHARES]
        assert list(one.at) == [spot and spot.accuracy for spot in spots]
        points = [curve.within(share * whole) for share in BUDGETS]
        assert list(one.within) == [point and (point.macs, point.accuracy) for point in points]
        if curve.reference:
            assert (one.shipped, one.area, one.alone) == (None, None, None)
            assert one.bound[0] == max(point.accuracy for point in curve.outcomes)
        else:
            shipped = curve.outcomes[curve.shipped]
            assert (one.shipped.accuracy, one.shipped.macs) == (shipped.accuracy, shipped.macs)
            assert one.area == pytest.approx(curve.area(whole))
            assert one.bound is None


def test_walks_tell_how_much_time_a_policy_keeps(made):
    record = made(0)
    walks = [
        Walked(
            policy=policy, point=None, batch=8, left=[1, 1], moved=0,
            readings={"latency": Reading(value=seconds, unit="s", source="clock")},
        )
        for policy, seconds in ((None, 3e-3), ("fixed", 2e-3))
    ]  # fmt: skip
    record = record.model_copy(update={"walks": walks})
    assert time_kept(Extract.of(record), "fixed", 8) == time_kept(record, "fixed", 8) == 1.5
    assert time_kept(Extract.of(record), "fixed", 1) is None


def test_plain_values_are_the_same_after_json(made):
    values = values_of(made(0, "sparse"))
    again = json.loads(json.dumps(values))
    one, other = (Extract.from_values(some, Tables(), "") for some in (values, again))
    assert one.curves[0].policy == other.curves[0].policy
    assert [dict(exit_.readings) for exit_ in one.exits] == [dict(exit_.readings) for exit_ in other.exits]
    assert one.asked == other.asked
    assert json.dumps(values_of(made(0, "sparse"))[6:]) == json.dumps(again[6:])


def test_of_a_record_with_a_fault_no_number_is_taken(made):
    own = Extract.of(made(3), sound=False)
    assert (own.seed, own.exits, own.cuts, own.curves) == (3, (), (), ())


def test_two_kinds_of_registers_are_two_machines_on_a_board(made):
    older = made(0)
    wide, narrow = (edited(older, set_("machine", "vectors", value=one)) for one in ("AVX-512", "AVX2"))
    machines = [Extract.of(one).machine for one in (older, wide, narrow)]
    assert len(set(machines)) == 3
    assert machines[2] == machines[1].replace("AVX-512", "AVX2")
