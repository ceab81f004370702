"""For how long a device believes a rate that it measured itself."""

import math

import pytest

from bench.kinds.belief import (
    MOST,
    NOTHING,
    STOPPED,
    after_answer,
    after_payload,
    after_sending,
    believed,
)

WHOLE = 0.2


def test_what_a_fast_request_measured_is_believed_until_the_next_one():
    belief = after_answer(after_payload(NOTHING, 1e6), 1e6, 0.0, 0.1, WHOLE, True)
    assert believed(belief, 1e9) == 1e6
    assert believed(after_payload(belief, 2e6), 1e9) == 2e6


def test_a_slow_rate_is_forgotten_after_as_long_as_the_request_took_and_then_twice_as_long_each():
    belief, now, waits = after_payload(NOTHING, 50.0), 0.0, []
    for _ in range(9):
        belief = after_answer(after_sending(belief, now), 50.0, now, now + 3.0, WHOLE, True)
        now += 3.0
        assert believed(belief, now) == 50.0
        waits.append((belief.until - now) / 3.0)
        assert math.isnan(believed(belief, belief.until))
        now = belief.until
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, MOST, MOST, MOST])
    belief = after_answer(belief, 1e6, now, now + 0.1, WHOLE, True)
    assert believed(belief, now + 1e9) == 1e6, "a fast answer ends the doubt"
    assert after_answer(belief, 50.0, now, now + 3.0, WHOLE, True).times == 1, "and the waits"


def test_one_try_is_made_at_a_time():
    belief = after_answer(NOTHING, 50.0, 0.0, 3.0, WHOLE, True)
    assert math.isnan(believed(belief, 7.0))
    belief = after_payload(after_sending(belief, 7.0), 1e6)
    assert believed(belief, 7.1) == 50.0, "its answer is still to come"
    assert believed(after_answer(belief, 1e6, 7.0, 7.1, WHOLE, True), 7.2) == 1e6


def test_several_slow_answers_of_what_was_under_way_double_the_wait_once():
    belief = after_answer(NOTHING, 50.0, 0.0, 10.0, WHOLE, True)
    for begun in (1.0, 2.0, 3.0):
        belief = after_answer(belief, 50.0, begun, 11.0, WHOLE, True)
    assert belief.times == 1


def test_a_link_over_which_a_request_was_given_up_stands_still_until_it_is_tried_again():
    belief = after_answer(after_payload(NOTHING, 1e6), 1e6, 0.0, 0.1, WHOLE, False)
    assert believed(belief, 0.15) == STOPPED, "however soon it was given up"
    assert math.isnan(believed(belief, 0.2))
