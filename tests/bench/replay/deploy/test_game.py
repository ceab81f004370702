import numpy as np
import pytest

from bench import PartTimes, SeesawError, Trace, load
from bench.kinds.channel import Conditions
from bench.replay.deploy.crossed import Crossed
from bench.replay.deploy.game import KNOWN, Terms, game_of, recorded, requests_of
from tests.bench.crossed import made_crossings
from tests.bench.deployed import game, table

TIMES = PartTimes(
    device=(0.0, 0.4, 1.0), server=(0.3, 0.2, 0.0), exits=(0.45, 1.0), heads=(0.1, 0.0), time="measured", source="made", watts=3.0, energy="measured",
    encoders={(1, "int8"): 0.05}, decoders={(1, "int8"): 0.01},
)  # fmt: skip


@pytest.fixture
def network(traced, tmp_path):
    folder = traced(tmp_path)
    run = load(next((tmp_path / "records").rglob("seed0.json")))
    return (
        run,
        Trace.load(folder / "test.safetensors"),
        Crossed.read(made_crossings(tmp_path / "c", (160, 180)), 3, 200, 3),
    )


def test_arms_are_cuts_with_codecs_and_the_whole_network_on_the_device(network):
    made = game_of(*network, TIMES, TIMES, Conditions.of(np.zeros(1), np.array([1e5])), Terms())
    arms, known = made.known.arms, np.arange(200) % KNOWN == 0
    assert arms[["cut", "codec"]].tolist() == [(0, 0), (0, 1), (1, 2), (2, -1)]
    assert made.known.codecs == ("image8", "jpeg", "int8")
    assert arms["device"].tolist() == pytest.approx([0, 0, 0.45, 1.0])
    assert arms["server"].tolist() == pytest.approx([0.3, 0.3, 0.21, 0.0])
    assert arms["heads"].tolist() == pytest.approx([0, 0, 0.1, 0.1])
    assert arms["exits"].tolist() == [0, 0, 1, 2]
    assert arms["elements"].tolist() == [64, 64, 56, 16]
    assert made.known.inputs == 64
    assert arms["bytes"][2] == pytest.approx((84 + np.arange(200) % 9)[known].mean())
    assert arms["right"].tolist() == pytest.approx([np.mean(np.arange(200)[known] < 180)] * 4)
    assert arms["macs"].tolist() == [0, 0, 1000, 3000]
    assert arms["rest"].tolist() == [3000, 3000, 2000, 0]
    assert made.untimed == ("encoders (image8, jpeg)", "decoders (image8, jpeg)")
    assert not set(made.players) & set(np.flatnonzero(known)), "what is known beforehand makes no request"
    assert len(made.players) == 160


def test_a_profile_of_another_network_is_refused(network):
    other = PartTimes(
        device=(0.0, 1.0), server=(1.0, 0.0), exits=(1.0,), heads=(0.0,), time="measured", source="made"
    )
    with pytest.raises(SeesawError, match="has 2 cuts and 1 exits, and the network has 3 and 2"):
        game_of(*network, other, TIMES, Conditions.of(np.zeros(1), np.array([1e5])), Terms())


def test_the_same_seed_gives_the_same_requests_and_another_others():
    of = game(table())
    one, two, other = (requests_of(of, "poisson", 20, 50, seed, 2) for seed in (0, 0, 1))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    assert len(one.arrivals) != len(other.arrivals) or (one.arrivals != other.arrivals).any()
    assert (np.diff(one.arrivals) >= 0).all()
    assert len(one.others) == len(one.arrivals)
    assert abs(len(one.arrivals) - 1000) < 150
    assert one.luck.min() > 0


def test_regular_requests_are_equally_far_apart():
    assert requests_of(game(table()), "regular", 4, 2.5, 0, 1).arrivals.tolist() == [n / 4 for n in range(10)]


def test_no_request_and_too_many_are_refused():
    of = game(table())
    with pytest.raises(SeesawError, match="0 requests would come"):
        requests_of(of, "regular", 0.1, 5, 0, 1)
    with pytest.raises(SeesawError, match=r"requests would come in 1e\+06 s"):
        requests_of(of, "poisson", 1e6, 1e6, 0, 1)


@pytest.mark.parametrize("content", ["0.5\n1.25\n", '"0.5"\n"1.25"\n', "0,5\n1,25\n", '"0,5";\n"1,25";\n'])
def test_moments_may_stand_between_quotation_marks_and_have_decimal_commas(tmp_path, content):
    path = tmp_path / "moments.csv"
    path.write_text(content)
    assert recorded(path).tolist() == [0.5, 1.25]
