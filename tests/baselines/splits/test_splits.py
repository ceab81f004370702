"""Split policies, on games and links whose best answer is plain.

Covers: baselines/splits/always_device.py, baselines/splits/always_server.py, baselines/splits/best_fixed.py,
    baselines/splits/dynamic.py, baselines/splits/fixed.py, baselines/splits/hi_lcb.py, baselines/splits/i_splitee.py,
    baselines/splits/mu_linucb.py, baselines/splits/neurosurgeon.py, baselines/splits/oracle.py, baselines/splits/random.py,
    baselines/splits/splitee.py, baselines/splits/splitee_s.py, bench/kinds/split.py
"""

import itertools
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bench import SeesawError, SplitPolicy, choose
from bench.kinds.channel import Conditions
from bench.replay.deploy import play as playing
from bench.replay.deploy.play import play
from tests.bench.deployed import game, requests

POLICIES = ("always-server", "dynamic", "neurosurgeon", "mu-linucb", "best-fixed", "oracle")


def steady(rate, **more):
    return Conditions.of(np.zeros(1), np.array([rate]), **({"delay": 0.01} | more))


def played(spec, of, come):
    return play(choose(SplitPolicy, spec).plugin, of, come)


def mean(spec, of, come, after=0):
    return played(spec, of, come).seconds[after:].mean()


def test_the_references_do_what_their_names_say():
    of = game(steady(1e5), samples=60)
    come = requests(of, rate=3)
    assert (played("always-device", of, come).arms == len(of.known.arms) - 1).all()
    server = played("always-server", of, come)
    cheapest = min(
        (0, 1), key=lambda arm: of.known.arms["bytes"][arm] if of.known.within(0.01)[arm] else math.inf
    )
    assert (server.arms == cheapest).all()
    assert set(played("random", of, come).arms) == set(range(len(of.known.arms)))
    assert (of.known.arms["cut"][played("fixed[cut=2]", of, come).arms] == 2).all()
    assert (played("fixed[cut=3]", of, come).arms == len(of.known.arms) - 1).all()


@pytest.mark.parametrize(
    "spec", ["dynamic", "neurosurgeon", "mu-linucb[every=1000000]", "best-fixed", "oracle"]
)
def test_over_a_link_too_slow_for_anything_all_stays_on_the_device(spec):
    of = game(steady(20.0))
    arms = played(spec, of, requests(of, rate=0.2, seconds=2000)).arms
    assert (arms[20:] == len(of.known.arms) - 1).mean() > 0.95


@pytest.mark.parametrize("spec", POLICIES)
def test_over_a_link_without_end_all_goes_to_the_fast_server(spec):
    of = game(steady(1e13, delay=1e-6))
    arms = played(spec, of, requests(of, rate=1, seconds=300)).arms
    assert (of.known.arms["cut"][arms[20:]] == 0).mean() > 0.9


def test_dynamic_follows_a_link_that_changes_nearly_as_well_as_the_oracle_and_better_than_any_fixed_cut():
    start = np.arange(0.0, 1800.0, 60.0)
    rates = np.where(np.arange(len(start)) % 3 == 0, 3e3, np.where(np.arange(len(start)) % 3 == 1, 6e4, 2e6))
    of = game(Conditions.of(start, rates, delay=0.005), cuts=6, samples=200, scale=5.0)
    alike = np.broadcast_to(of.known.arms["bytes"].round().astype(int)[:, None], of.costs.framed.shape)
    of = replace(of, costs=of.costs._replace(framed=np.ascontiguousarray(alike)))
    come = requests(of, rate=1, seconds=1800)
    best, oracle = mean("best-fixed", of, come), mean("oracle", of, come)
    dynamic = played("dynamic", of, come)
    assert oracle < best
    assert dynamic.seconds.mean() < best
    assert dynamic.seconds.mean() < 1.1 * oracle
    assert dynamic.right.mean() == pytest.approx(played("always-device", of, come).right.mean(), abs=0.02)


def test_dynamic_takes_natural_bottlenecks_and_the_ends_alone():
    of = game(steady(6e4), cuts=6)
    arms = of.known.arms.copy()
    arms["elements"][(arms["cut"] > 0) & (arms["cut"] < 4)] = of.known.inputs + 1
    of = replace(of, known=replace(of.known, arms=arms))
    come = requests(of, rate=1)
    for rate in (1e3, 1e4, 1e5, 1e6):
        other = replace(of, link=of.link._replace(up=game(steady(rate)).link.up))
        assert not {1, 2, 3} & set(arms["cut"][played("dynamic", other, come).arms])
    every = played("dynamic[bottlenecks=false]", of, come).arms
    assert mean("dynamic[bottlenecks=false]", of, come) <= mean("dynamic", of, come)
    assert set(arms["cut"][every]) <= {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize("spec", ["dynamic", "neurosurgeon"])
def test_a_round_trip_that_a_lost_packet_made_long_is_not_believed_for_ever(spec):
    of = game(steady(1e6, delay=0.01, loss=0.3), scale=5.0)
    come = requests(of, rate=1, seconds=2000)
    luck = come.luck.copy()
    luck[:5, 1:] = 1 - 1e-9  # the first ones need many repairs
    assert (played(spec, of, come._replace(luck=luck)).exits[300:] < 0).mean() > 0.8


def test_an_outage_that_held_an_answer_up_is_forgotten_at_once_where_the_least_of_the_last_trips_is_believed():
    start = np.array([0.0, 100.0, 102.0])
    of = game(Conditions.of(start, np.full(3, 1e6), down=np.array([1e6, 1.0, 1e6]), delay=0.01), scale=5.0)
    come = requests(of, rate=1, seconds=200)
    after = come.arrivals > 105
    mean_of_trips, least_of_trips = (played(spec, of, come) for spec in ("dynamic", "dynamic[window=8]"))
    assert (mean_of_trips.exits[after] < 0).mean() < 0.1
    assert (least_of_trips.exits[after] < 0).all()
    assert least_of_trips.seconds[after].mean() < 0.8 * mean_of_trips.seconds[after].mean()


def test_bytes_that_do_not_leave_tell_of_an_outage_before_the_modem_does():
    start = np.array([0.0, 45.0, 55.0])
    of = game(Conditions.of(start, np.array([1e6, 0.0, 1e6]), delay=0.01), scale=5.0, report=20.0)
    come = requests(of, rate=2, seconds=60)
    stale, watching = (played(spec, of, come) for spec in ("dynamic", "dynamic[progress=true]"))
    outage = (come.arrivals > 45) & (come.arrivals < 55)
    assert (stale.exits[outage] < 0).sum() > 5
    assert (watching.exits[outage] < 0).sum() <= 2
    assert (watching.arms[come.arrivals < 45] == stale.arms[come.arrivals < 45]).all()
    assert watching.seconds.mean() < 0.5 * stale.seconds.mean()


def test_a_way_that_becomes_longer_for_good_is_learnt_once_the_short_trips_are_out_of_the_window():
    start = np.array([0.0, 100.0])
    of = game(Conditions.of(start, np.full(2, 1e6), delay=np.array([0.01, 0.3])), scale=5.0)
    come = requests(of, rate=1, seconds=200)
    for window in (1, 8):
        exits = played(f"dynamic[window={window}]", of, come).exits
        later = come.arrivals > 100
        assert (exits[~later][5:] < 0).all()
        first = np.flatnonzero((exits >= 0) & later)[0]
        assert later[:first].sum() <= window + 2
        assert (exits[first:] >= 0).mean() > 0.9


def test_dynamic_uses_the_last_rate_where_the_modem_reports_none():
    of = game(steady(2e5), report=0.0)
    come = requests(of, rate=1)
    assert mean("dynamic", of, come, 5) <= 1.01 * mean("best-fixed", of, come, 5)


def _named(row):
    return SimpleNamespace(**{name: float(row[name]) for name in row.dtype.names})


def test_a_device_that_knows_no_round_trip_yet_sends_to_learn_it():
    of = game(steady(1e6), scale=5.0)
    seen = SimpleNamespace(
        link=math.nan, rate=math.nan, trip=math.nan, unsent=0.0, time=0.0, waited=0.0, queue=0.0
    )
    for spec in ("dynamic", "lyapunov", "neurosurgeon", "memtl", "enumeration"):
        policy = choose(SplitPolicy, spec).plugin
        arms, (own,) = ([_named(row) for row in rows] for rows in (of.known.arms, policy.own))
        assert policy.choose(seen, arms, own, policy.begin(of.known), 0.5) < len(arms) - 1


RULES = ["dynamic", "neurosurgeon", "lyapunov", "memtl", "enumeration"]
FOLLOW = [*RULES, "sac[steps=20]"]
"""Policies that go by the link's rate; the last one has not learnt by which rates to send."""


@pytest.mark.parametrize("spec", RULES)
def test_a_link_that_nobody_has_measured_is_tried_by_one_payload(spec):
    for report in (0.0, 1000.0):
        of = game(steady(0.0), scale=5.0, report=report)
        assert (played(spec, of, requests(of, rate=1)).framed > 0).sum() == 1


@pytest.mark.parametrize("spec", RULES)
def test_a_slow_payload_is_not_believed_for_ever_and_a_hopeless_link_is_tried_ever_more_rarely(spec):
    start = np.array([0.0, 60.0])
    back = game(Conditions.of(start, np.array([100.0, 1e6]), delay=0.01), scale=5.0, report=0.0)
    come = requests(back, rate=1, seconds=1000)
    sent = played(spec, back, come).framed > 0
    assert sent[come.arrivals < 60].sum() <= 6
    assert sent[come.arrivals > 500].mean() > 0.9
    never = game(steady(100.0), scale=5.0, report=0.0)
    sent = played(spec, never, requests(never, rate=1, seconds=10_000)).framed > 0
    assert sent[1000:].mean() < 0.01


@pytest.mark.parametrize("spec", RULES)
def test_a_link_on_which_only_the_answers_are_lost_is_left_alone_but_for_a_try_now_and_then(spec):
    start = np.array([0.0, 100.0, 300.0])
    of = game(
        Conditions.of(start, np.full(3, 1e6), down=np.array([1e6, 0.0, 1e6]), delay=0.01),
        scale=5.0,
        report=0.0,
    )
    come = requests(of, rate=2, seconds=1500)
    sent = played(spec, of, come).framed > 0
    assert sent[(come.arrivals > 50) & (come.arrivals < 100)].mean() > 0.9
    assert sent[(come.arrivals > 120) & (come.arrivals < 300)].mean() < 0.1
    assert sent[come.arrivals > 1000].mean() > 0.9


@pytest.mark.parametrize("patience", [0.5, math.inf])
@pytest.mark.parametrize("spec", ["mu-linucb", "splitee", "splitee-s", "i-splitee", "hi-lcb"])
def test_bandits_learn_to_stay_where_no_answer_ever_comes(spec, patience):
    of = game(steady(0.0), scale=5.0, patience=patience)
    sent = played(spec, of, requests(of, rate=2, seconds=1000)).exits < 0
    assert sent.any(), "they do not know before"
    assert sent[200:].mean() < 0.04


@pytest.mark.parametrize("spec", ["mu-linucb", "splitee[discount=0.99]", "hi-lcb"])
def test_bandits_send_again_where_answers_come_again(spec):
    start = np.array([0.0, 500.0, 1000.0])
    of = game(Conditions.of(start, np.array([1e6, 0.0, 1e6]), delay=0.01), scale=5.0, patience=0.5)
    come = requests(of, rate=2, seconds=2000)
    sent = played(spec, of, come).exits < 0
    before, during, after = (
        sent[(come.arrivals > begin) & (come.arrivals < end)].mean()
        for begin, end in ((300, 500), (600, 1000), (1200, 2000))
    )
    assert during < 0.1 < 0.3 < before
    assert after > 0.9 * before


@pytest.mark.parametrize("spec", FOLLOW)
def test_what_tries_a_link_is_faster_over_one_without_end_though_another_payload_is_smaller(spec):
    of = game(steady(1e6, delay=0.01), scale=5.0, report=0.0)
    arms = of.known.arms
    nothing_gained = arms["device"] + 0.02 + arms["server"] >= arms["device"][-1]
    assert nothing_gained[arms["bytes"][:-1].argmin()], "the smallest payload is of the deepest cut"
    assert (played(spec, of, requests(of, rate=1)).framed > 0).mean() > 0.3


def test_neurosurgeon_takes_the_cut_of_the_least_energy_where_asked():
    of = game(steady(4e4, watts=1.3), watts=5.0)
    come = requests(of, rate=0.5, seconds=400)
    thrifty, fast = played("neurosurgeon[least=energy]", of, come), played("neurosurgeon", of, come)

    def joules(one):
        return (one.compute + one.radio).mean()

    everything = [joules(played(f"fixed[cut={cut}]", of, come)) for cut in range(4)]
    assert joules(thrifty) <= min(everything) * 1.05
    assert joules(thrifty) <= joules(fast)
    unknown = replace(of, known=replace(of.known, watts=(math.nan, 1.3)))
    with pytest.raises(SeesawError, match="needs the power of the device and of its radio"):
        played("neurosurgeon[least=energy]", unknown, come)


def test_neurosurgeon_counts_what_the_bytes_and_the_tail_of_the_radio_take():
    conditions = steady(1e6, watts=0.0, joules_per_byte=2e-5, tail_seconds=5.0, tail_watts=0.4)
    come = requests(game(conditions), rate=0.5, seconds=400)
    for watts in (1.0, 10.0, 30.0):
        of = game(conditions, watts=watts, scale=3.0)
        of = replace(of, known=replace(of.known, by_layer=(True, True)))

        def joules(spec, of=of):
            one = played(spec, of, come)
            return (one.compute + one.radio + one.tails).mean()

        assert joules("neurosurgeon[least=energy]") <= 1.02 * min(
            joules(f"fixed[cut={cut}]") for cut in range(4)
        )
    assert (played("neurosurgeon[least=energy]", game(conditions, watts=1.0), come).exits >= 0).all(), (
        "a tail is dearer"
    )


def test_policies_decide_by_estimates_and_are_billed_what_it_takes():
    of = game(steady(1e5), scale=5.0)
    come = requests(of, rate=1)
    arms = of.known.arms.copy()
    arms["device"][-1] *= 100
    fooled = replace(of, known=replace(of.known, arms=arms), counted=of.known.arms)
    for spec in ("dynamic", "neurosurgeon"):
        by_layer = replace(fooled, known=replace(fooled.known, by_layer=(True, True)))
        one = played(spec, by_layer, come)
        assert (one.arms[10:] < len(arms) - 1).all(), "by the estimate the device is dear"
    alone = played("always-device", fooled, come)
    assert (alone.moments == played("always-device", of, come).moments).all()
    best = played("best-fixed", fooled, come)
    assert (best.moments == played("best-fixed", of, come).moments).all(), "a bound goes by what it takes"


def test_neurosurgeon_fits_lines_where_no_layer_was_predicted_and_takes_predictions_as_they_are():
    of = game(steady(1e5))
    policy, count = choose(SplitPolicy, "neurosurgeon").plugin, len(of.known.arms)
    told = replace(of.known, by_layer=(True, True))
    assert (policy.begin(told)[:count] == told.arms["device"]).all()
    assert (policy.begin(told)[count : 2 * count] == told.arms["server"]).all()
    line = policy.begin(of.known)[:count]
    slope = line[-1] / of.known.arms["macs"][-1]
    inner = of.known.arms["macs"] > 0
    assert not np.allclose(line, of.known.arms["device"])
    assert np.ptp(line[inner] - of.known.arms["macs"][inner] * slope) < 0.2 * line[-1]


def test_neurosurgeon_sends_the_input_where_first_layers_take_more_than_their_share_of_macs():
    of = game(steady(1e13, delay=1e-9), cuts=6)
    arms = of.known.arms.copy()
    arms["macs"] = np.maximum(4e6 * arms["device"] ** 0.5 - 1e5, 0.0) * (arms["cut"] > 0)
    arms["rest"] = arms["macs"].max() - arms["macs"]
    line = np.polyfit(arms["macs"][arms["cut"] > 0], arms["device"][arms["cut"] > 0], 1)
    assert line[1] < 0, "by the best line the first layers take less than nothing"
    of = replace(of, known=replace(of.known, arms=arms))
    assert set(arms["cut"][played("neurosurgeon", of, requests(of, rate=1)).arms]) == {0}


def test_mu_linucb_finds_the_best_cut_without_a_profile_of_the_server():
    of = game(steady(5e4), cuts=6, samples=200, scale=5.0)
    come = requests(of, rate=1, seconds=2000)
    assert mean("mu-linucb", of, come, 500) <= 1.1 * mean("best-fixed", of, come, 500)


def rewards(of, come, one):
    """SplitEE's reward of each request: confidence of the answer less seconds over ten times the whole network's."""
    answer = of.costs.confidences[np.where(one.exits >= 0, one.exits, len(of.costs.heads) - 1), come.samples]
    return answer - (one.moments[:, -1] - one.moments[:, 0]) / (10 * of.known.whole)


def test_splitee_earns_nearly_what_the_best_of_its_cuts_earns():
    of = game(steady(2e4), cuts=6, exits=4, samples=300, scale=3.0)
    come = requests(of, rate=1, seconds=4000)
    policy = choose(SplitPolicy, "splitee[c=0.1]").plugin
    arms = np.flatnonzero(policy.begin(of.known)[: len(of.known.arms)] == 0)
    assert len(arms) > 2

    def alone(arm):
        memory = policy.begin(of.known)
        memory[: len(of.known.arms)] = -1
        memory[arm] = 0
        kind = type("Alone", (type(policy),), {"begin": lambda self, known: memory})
        return rewards(of, come, play(kind(), of, come))[2000:].mean()

    each = [alone(arm) for arm in arms]
    learnt = rewards(of, come, play(policy, of, come))[2000:].mean()
    assert learnt > max(each) - 0.2 * (max(each) - min(each))


def test_splitee_s_learns_of_every_arm_on_the_way_and_so_finds_a_good_one_sooner(monkeypatch):
    of = game(steady(2e4), cuts=6, exits=4, samples=300, scale=3.0)
    come = requests(of, rate=1, seconds=300)

    def learnt(spec):
        policy = choose(SplitPolicy, spec).plugin
        memory = policy.begin(of.known)
        monkeypatch.setattr(playing, "begun", lambda *given: memory)
        one = play(policy, of, come)
        return memory[: len(of.known.arms)], one

    plays, one = learnt("splitee-s[c=0.1]")
    alone, _ = learnt("splitee[c=0.1]")
    assert alone[alone >= 0].sum() <= len(come.arrivals) < plays[plays >= 0].sum()
    exits, arms = of.known.arms["exits"], np.flatnonzero(plays >= 0)
    order = arms[np.argsort(exits[arms])]
    assert (np.diff(plays[order]) <= 0).all(), "an arm on the way learns whenever a later one is chosen"
    sure = of.costs.confidences[exits[one.arms].astype(int) - 1, come.samples] >= 0.7
    last = one.arms == len(of.known.arms) - 1
    assert (sure == (one.exits >= 0))[~last].all(), (
        "the exit before the chosen cut decides, and none before it"
    )


def test_the_side_arms_of_splitee_s_earn_what_they_would_have_earned_alone(monkeypatch):
    of = game(steady(3e4), cuts=6, exits=4, samples=300, scale=3.0, report=0.0)
    alike = np.broadcast_to(of.known.arms["bytes"].round().astype(int)[:, None], of.costs.framed.shape)
    of = replace(of, costs=of.costs._replace(framed=np.ascontiguousarray(alike)))
    come = requests(of, rate=0.5, seconds=4000, kind="regular")
    policy = choose(SplitPolicy, "splitee-s").plugin
    first = policy.begin(of.known)
    count = len(of.known.arms)
    arms = np.flatnonzero(first[:count] == 0)[:-1]

    def mean(chosen, looked_at):
        memory = policy.begin(of.known)
        monkeypatch.setattr(playing, "begun", lambda *given: memory)
        play(type("One", (type(policy),), {"choose": staticmethod(_chooses(int(chosen)))})(), of, come)
        return memory[count + looked_at] / memory[looked_at]

    for side, deeper in itertools.pairwise(arms):
        unsure = of.costs.confidences[int(of.known.arms["exits"][side]) - 1] < 0.7
        sure_deeper = of.costs.confidences[int(of.known.arms["exits"][deeper]) - 1] >= 0.7
        stands_in = (
            unsure & sure_deeper
        ).mean()  # where the deepest exit's confidence stands for the server's
        assert mean(deeper, side) == pytest.approx(mean(side, side), abs=0.02 + 0.3 * stands_in)


def _chooses(arm):
    def choose(seen, arms, own, memory, luck):
        return arm

    return choose


def test_i_splitee_is_splitee_s_with_a_lower_threshold():
    of = game(steady(2e4), cuts=6, exits=4, samples=100, scale=3.0)
    come = requests(of, rate=1, seconds=500)
    one, other = played("i-splitee", of, come), played("splitee-s[alpha=0.5]", of, come)
    assert (one.moments == other.moments).all()
    assert (one.exits >= 0).sum() > (played("splitee-s", of, come).exits >= 0).sum()


def test_hi_lcb_sends_what_its_exit_is_wrong_about_and_keeps_what_it_is_right_about():
    of = game(steady(1e6), samples=400, exits=2)
    cut = int(of.known.arms["cut"][-2])
    sure = np.random.default_rng(0).random(400) < 0.6
    confidences = of.costs.confidences.copy()
    confidences[0] = np.where(sure, 0.97, 0.4)
    exit_answers = of.costs.exit_answers.copy()
    exit_answers[0] = np.where(sure, exit_answers[-1], (exit_answers[-1] + 1) % 5)
    of = replace(of, costs=of.costs._replace(confidences=confidences, exit_answers=exit_answers))
    come = requests(of, rate=5, seconds=1000)
    one = played(f"hi-lcb[cut={cut},cost=0.2]", of, come)
    late = np.arange(len(one.exits)) > 1500
    assert (one.exits[late & ~sure[come.samples]] < 0).all(), "unsure answers are sent"
    assert (one.exits[late & sure[come.samples]] >= 0).mean() > 0.9, "sure ones are kept"


def test_an_oracle_that_sees_labels_is_right_where_any_arm_is():
    of = game(steady(1e5), samples=200)
    come = requests(of, rate=2)
    one = played("oracle[of=right]", of, come)
    assert (one.right == of.right.any(0)[come.samples]).all()


def test_what_cannot_be_chosen_is_refused_with_a_sentence():
    of = game(steady(1e5))
    come = requests(of)
    for spec, why in (
        ("fixed[cut=9]", "There is no cut 9. Choose one from 0 to 3"),
        ("fixed[cut=1,codec=jpg]", "Nothing was sent at cut 1 through jpg. Choose one of codec0, codec1"),
        ("hi-lcb[cut=0]", "no cut behind one keeps the right answers"),
    ):
        with pytest.raises(SeesawError, match=why):
            played(spec, of, come)
