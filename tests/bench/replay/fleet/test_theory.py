import math

import pytest

from bench import SeesawError
from bench.replay.fleet.theory import longer, mean_wait, waits


def test_erlangs_formula_is_its_sum_over_factorials():
    for load, servers in ((1.0, 2), (2.5, 4), (0.3, 1), (8.0, 12)):
        full = load**servers / math.factorial(servers) * servers / (servers - load)
        assert waits(load, servers) == pytest.approx(
            full / (sum(load**n / math.factorial(n) for n in range(servers)) + full)
        )
    assert waits(1.0, 2) == pytest.approx(1 / 3)


def test_waiting_for_one_server_is_twice_as_long_where_service_is_exponential():
    assert mean_wait(100, 0.008) == pytest.approx(0.8 * 0.008 / 0.2)
    assert mean_wait(100, 0.008, exponential=False) == pytest.approx(0.5 * 0.8 * 0.008 / 0.2)
    assert longer(100, 0.008, 1, 0.0) == pytest.approx(0.8)


def test_what_has_no_closed_form_is_a_sentence():
    with pytest.raises(SeesawError, match="below the number of servers"):
        mean_wait(200, 0.008)
    with pytest.raises(SeesawError, match="no closed form"):
        mean_wait(100, 0.008, 2, exponential=False)
