"""Every message of a small fleet, held against simpy, against a deployment, and against sorts by the standard library."""

import heapq
import math

import numpy as np
import pytest

from bench import SplitPolicy, choose
from bench.replay.deploy.play import play
from bench.replay.deploy.steps import ANSWERED, ARRIVED, Requests
from bench.replay.fleet import loop
from bench.replay.fleet.chance import DOWN, PLACE, SAMPLE, SERVICE, UP, moment, uniform
from bench.replay.fleet.decide import work_of
from bench.replay.fleet.fleet import Fleet, plain_work, shared_out
from bench.replay.fleet.simulate import simulate
from tests.bench.deployed import game, sent_at, table


@pytest.fixture
def logged(monkeypatch):
    """Every message that is served, as (device, number): (asked, arrived, answered)."""
    log, serve = {}, loop.serve

    def logging(order, amount, *rest):
        serve(order, amount, *rest)
        of = rest[-2]
        for one in order[:amount]:
            log[int(of.device[one]), int(of.number[one])] = (of.asked[one], of.arrived[one], of.answered[one])

    monkeypatch.setattr(loop, "serve", logging)
    return log


def asked_by(fleet, device):
    """The moments of a device's requests, one after the other."""
    found, before = [], 0.0
    while True:
        before = moment(fleet.seed, device, len(found), before, fleet.rate, fleet.arrivals == "periodic")
        if before >= fleet.seconds:
            return found
        found.append(before)


@pytest.mark.parametrize(("arrivals", "service", "loss", "servers"),
                         [("poisson", "exponential", 0.2, 2), ("periodic", "constant", 0.0, 1), ("poisson", "constant", 0.3, 3)])  # fmt: skip
def test_every_answer_comes_when_a_discrete_event_simulation_has_it(logged, arrivals, service, loss, servers):
    simpy = pytest.importorskip("simpy", reason="simpy is among the extras for development")
    tables = [table(number, loss=loss, least=500.0) for number in range(2)]
    fleet = Fleet(
        shared_out(9, tables, [plain_work(0.05, 900, 0.21)] * 2), 0.9, 40.0, arrivals, 0.5, spread=30.0, service=service, seed=4
    )  # fmt: skip
    made = simulate(fleet, servers, width=1.7)
    world, done = simpy.Environment(), {}
    line = simpy.Resource(world, servers)

    def delay(c, place, count, luck):
        rounds, packets = 0, max(math.ceil(count / 1500), 1)
        while c.loss[place] > 0 and (1 - c.loss[place] ** (rounds + 1)) ** packets < luck:
            rounds += 1
        return c.delay[place] * (1 + 2 * rounds)

    def until(when):
        return world.timeout(max(when - world.now, 0.0))

    def live(device, c, place):
        back = {"free": 0.0, "last": 0.0}
        processor, link, arrived, answers = (
            simpy.Resource(world),
            simpy.Resource(world),
            0.0,
            [world.event().succeed()],
        )

        def answer(number, asked, when, before, mine):
            yield until(when)
            with line.request() as turn:
                yield turn
                factor = -math.log(uniform(4, device, number, SERVICE)) if service == "exponential" else 1.0
                yield world.timeout(0.21 * factor)
            finished = world.now
            yield before
            end, piece = sent_at(
                c.start,
                c.down * (1 - c.loss),
                max(finished + place, back["free"]),
                fleet.groups[0].work.reply,
            )
            back["free"] = end
            back["last"] = max(end + delay(c, piece, 64, uniform(4, device, number, DOWN)), back["last"])
            done[device, number] = (asked, when, back["last"] - place)
            mine.succeed()

        def request(number, asked):
            nonlocal arrived
            with processor.request() as turn:
                yield turn
                yield world.timeout(0.05)
                ready = link.request()  # in the order in which the device is done
            yield ready
            end, piece = sent_at(c.start, c.up * (1 - c.loss), world.now + place, 900)
            yield until(end - place)
            link.release(ready)
            arrived = max(arrived, end + delay(c, piece, 900, uniform(4, device, number, UP)))
            answers.append(world.event())
            world.process(answer(number, asked, arrived - place, answers[-2], answers[-1]))

        for number, asked in enumerate(asked_by(fleet, device)):
            yield until(asked)
            world.process(request(number, asked))

    for device in range(9):
        world.process(live(device, tables[int(device >= 5)], 30.0 * uniform(4, device, 0, PLACE)))
    world.run()
    assert set(logged) == set(done)
    assert len(done) > 200
    for key, moments in done.items():
        assert logged[key] == pytest.approx(moments, rel=1e-9, abs=1e-7)
    taken = np.array([answered - asked for asked, _, answered in done.values()])
    assert made.late == (taken > 0.5).sum()
    assert made.seconds == pytest.approx(taken.mean())
    assert made.quantile(0.9) == pytest.approx(np.sort(taken)[math.ceil(0.9 * len(taken)) - 1], rel=0.011)
    assert sum(made.steps) == pytest.approx(made.seconds)


@pytest.mark.parametrize(
    "spec", ["always-server", "fixed[cut=1,threshold=0.7]", "fixed[cut=2]", "always-device"]
)
def test_one_device_with_one_server_is_a_deployment(logged, spec):
    conditions = table(2, loss=0.2)
    of = game(conditions, 2, scale=3.0)
    policy = choose(SplitPolicy, spec).plugin
    work = work_of(policy, spec, of, conditions)
    fleet = Fleet(shared_out(1, [conditions], [work]), 4.0, 100.0, "poisson", 0.3, seed=6)
    made = simulate(fleet, 1)
    arrivals = np.array(asked_by(fleet, 0))
    luck = np.array([[uniform(6, 0, n, use) for use in (SERVICE, UP, DOWN)] for n in range(len(arrivals))])
    samples = np.array(
        [of.players[int(uniform(6, 0, n, SAMPLE) * len(of.players))] for n in range(len(arrivals))]
    )
    theirs = play(policy, of, Requests(arrivals, samples, luck, np.zeros(0)))
    sent = np.flatnonzero(theirs.exits < 0)
    assert sorted(number for _, number in logged) == sent.tolist()
    for number in sent.tolist():
        assert logged[0, number] == pytest.approx(
            (arrivals[number], theirs.moments[number, ARRIVED], theirs.moments[number, ANSWERED])
        )
    assert made.requests == len(arrivals)
    assert made.right == theirs.right.sum()
    assert made.late == (~(theirs.seconds <= 0.3)).sum()
    assert made.joules == pytest.approx((theirs.compute + theirs.radio + theirs.tails).sum())


@pytest.mark.parametrize("crowd", [0.0, 0.9])
def test_messages_are_put_in_the_order_of_arrival(crowd):
    rng = np.random.default_rng(0)
    arrived = rng.uniform(0, 12, 3000).round(2)
    arrived[rng.random(3000) < crowd] = 3.0 + 1e-6 * rng.integers(0, 9)
    order = np.zeros(3000, np.int64)
    amount = loop.in_order(arrived, 3000, 0.0, 9.0, order)
    expected = [one for one in np.argsort(arrived, kind="stable") if arrived[one] < 9.0]
    assert order[:amount].tolist() == expected


def test_a_server_that_is_free_first_is_taken():
    rng, heap, other = np.random.default_rng(1), np.zeros(13), [0.0] * 13
    for value in rng.exponential(size=2000).cumsum() * rng.uniform(1, 1.3, 2000):
        value = max(value, heap[0])
        assert heap[0] == other[0]
        loop.lower(heap, value)
        heapq.heapreplace(other, value)
