"""Every message of a small fleet, held against simpy, a deployment, a plain simulator of batches, and sorts by the standard library.

Covers: bench/replay/fleet/line.py, bench/replay/fleet/sending.py, bench/replay/fleet/state.py, bench/replay/fleet/tally.py
"""

import heapq
import math

import numpy as np
import pytest

from bench import SplitPolicy, choose
from bench.kinds.channel import Conditions
from bench.replay.deploy.batches import Batching
from bench.replay.deploy.play import play
from bench.replay.deploy.steps import ANSWERED, ARRIVED, Requests
from bench.replay.fleet import simulate as simulating
from bench.replay.fleet.chance import DOWN, PLACE, SAMPLE, SERVICE, UP, moment, uniform
from bench.replay.fleet.decide import work_of
from bench.replay.fleet.fleet import Fleet, plain_batching, plain_work, shared_out
from bench.replay.fleet.line import in_order
from bench.replay.fleet.serving import lower, serve
from bench.replay.fleet.simulate import simulate
from tests.bench.deployed import game, sent_at, table


@pytest.fixture
def logged(monkeypatch):
    """Every message that is served, as (device, number): (asked, arrived, answered)."""
    log = {}

    def logging(order, amount, *rest):
        taken = serve(order, amount, *rest)
        of = rest[-2]
        for one in order[:taken]:
            log[int(of.device[one]), int(of.number[one])] = (of.asked[one], of.arrived[one], of.answered[one])
        return taken

    monkeypatch.setattr(simulating, "serve", logging)
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


def batched(arrivals, servers, batching, cuts):
    """When each message is answered by servers that batch, all arrivals being known; one batch after the other, from sorted lists.

    Args:
        arrivals: (moment, arm) of each, rising.
        servers: how many.
        batching: of each.
        cuts: of each arm.

    Returns:
        Moments at which each one's batch ends, and the sizes of the batches.
    """
    free, ends, sizes, waiting = [0.0] * servers, [], [], list(arrivals)
    while waiting:
        server = min(range(servers), key=lambda one: free[one])
        first, cut = waiting[0][0], cuts[waiting[0][1]]
        alike = next((n for n, (_, arm) in enumerate(waiting) if cuts[arm] != cut), len(waiting))
        closings = [first + batching.wait]
        if alike < len(waiting):
            closings.append(waiting[alike][0])
        if alike >= batching.largest:
            closings.append(waiting[batching.largest - 1][0])
        begin = max(free[server], min(closings))
        batch = [one for one in waiting[: min(alike, batching.largest)] if one[0] <= begin]
        free[server] = (
            begin + batching.seconds[cut, len(batch)] + sum(batching.decoders[arm] for _, arm in batch)
        )
        ends += [free[server]] * len(batch)
        sizes.append(len(batch))
        waiting = waiting[len(batch) :]
    return ends, sizes


@pytest.mark.parametrize(
    ("servers", "wait", "width"), [(1, 0.0, 1.7), (1, 0.2, 0.31), (2, 0.05, 40.0), (3, 0.5, 0.9)]
)
def test_batches_are_those_of_a_plain_sequential_simulator(logged, servers, wait, width):
    steady = Conditions.of(np.zeros(1), np.array([1e12]))
    work = plain_work(0.01, 100, 0.08)
    # two samples, of which one is sent from another cut
    work = work._replace(
        seconds=np.array([[0.01, 0.01], [0.02, 0.02]]), sent=np.ones((2, 2), bool), framed=np.full((2, 2), 100.0), right=np.ones((2, 2), bool),
        service=np.array([0.08, 0.05]), samples=np.array([0, 1]),
    )  # fmt: skip
    works = [work._replace(arms=np.zeros(1, np.int64)), work._replace(arms=np.ones(1, np.int64))]
    batching = Batching(
        4,
        wait,
        np.array([[0.0, 0.08, 0.1, 0.12, 0.13], [0.0, 0.05, 0.07, 0.08, 0.08]]),
        np.array([0.0, 0.003]),
        np.array([0, 1]),
    )
    fleet = Fleet(shared_out(12, [steady, steady], works), 1.5, 60.0, deadline=0.4, seed=3, batching=batching)
    made = simulate(fleet, servers, width=width)
    in_turn = sorted((arrived, device, answered) for (device, _), (_, arrived, answered) in logged.items())
    assert len(in_turn) == made.sent > 800
    ends, sizes = batched(
        [(arrived, int(device >= 6)) for arrived, device, _ in in_turn], servers, batching, [0, 1]
    )
    last = dict.fromkeys(range(12), 0.0)
    for (_, device, answered), end in zip(in_turn, ends, strict=True):
        last[device] = max(last[device], end)  # answers reach a device in their order
        assert answered == pytest.approx(last[device], abs=1e-6)
    assert made.batches == len(sizes)
    assert max(sizes) == 4 or wait == 0.0
    assert len(set(sizes)) > 2
    took = [batching.seconds[0, n] for n in sizes]
    assert 0.5 * sum(took) < made.load * 60.0 < 1.1 * sum(took)


@pytest.mark.parametrize("wait", [0.0, 0.08])
def test_one_device_with_one_server_that_batches_is_a_deployment(logged, wait):
    conditions = table(2)
    of = game(conditions, 2, scale=1.0, largest=4, wait=wait)
    policy = choose(SplitPolicy, "fixed[cut=1,codec=codec1]").plugin
    work = work_of(policy, "fixed", of, conditions)
    fleet = Fleet(shared_out(1, [conditions], [work]), 30.0, 60.0, seed=6, batching=of.batching)
    simulate(fleet, 1, width=2.3)
    arrivals = np.array(asked_by(fleet, 0))
    luck = np.array([[uniform(6, 0, n, use) for use in (SERVICE, UP, DOWN)] for n in range(len(arrivals))])
    samples = np.array(
        [of.players[int(uniform(6, 0, n, SAMPLE) * len(of.players))] for n in range(len(arrivals))]
    )
    theirs = play(policy, of, Requests(arrivals, samples, luck, np.zeros(0)))
    assert sorted(number for _, number in logged) == list(range(len(arrivals)))
    for number in range(len(arrivals)):
        assert logged[0, number][1:] == pytest.approx(
            (theirs.moments[number, ARRIVED], theirs.moments[number, ANSWERED])
        )


def test_servers_that_batch_keep_up_where_others_do_not():
    fast = Conditions.of(np.zeros(1), np.array([1e12]))
    groups = shared_out(400, [fast], [plain_work(0.0, 0.0, 0.01)])
    alone, together = (
        simulate(Fleet(groups, 0.5, 60.0, deadline=0.5, batching=plain_batching(0.01, 0.02, size)), 1)
        for size in (1, 8)
    )
    assert alone.load == pytest.approx(2.0, rel=0.1)  # twice what one server can do
    assert alone.miss > 0.8
    assert together.miss == 0.0
    assert together.sent / together.batches > 2
    endless = simulate(Fleet(groups, 0.5, 60.0, deadline=0.5, batching=plain_batching(0.01, 0.02, 8)), 0)
    assert endless.batches == endless.sent  # each is begun at once, alone
    assert endless.seconds == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize("crowd", [0.0, 0.9])
def test_messages_are_put_in_the_order_of_arrival(crowd):
    rng = np.random.default_rng(0)
    arrived = rng.uniform(0, 12, 3000).round(2)
    arrived[rng.random(3000) < crowd] = 3.0 + 1e-6 * rng.integers(0, 9)
    order = np.zeros(3000, np.int64)
    amount = in_order(arrived, 3000, 0.0, 9.0, order)
    expected = [one for one in np.argsort(arrived, kind="stable") if arrived[one] < 9.0]
    assert order[:amount].tolist() == expected


def test_a_server_that_is_free_first_is_taken():
    rng, heap, other = np.random.default_rng(1), np.zeros(13), [0.0] * 13
    for value in rng.exponential(size=2000).cumsum() * rng.uniform(1, 1.3, 2000):
        value = max(value, heap[0])
        assert heap[0] == other[0]
        lower(heap, value)
        heapq.heapreplace(other, value)
