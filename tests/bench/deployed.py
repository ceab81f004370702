"""Games of made-up networks and links, and a plain sequential simulator to hold the compiled loop against."""

import math

import numpy as np

from bench import Channel, Profile, SplitPolicy, choose
from bench.kinds.channel import Conditions
from bench.kinds.split import ARM, Known
from bench.records.circumstances import Circumstances
from bench.records.run_files import RunFiles
from bench.replay.deploy.batches import ALONE, batching_of
from bench.replay.deploy.deployment import Deployment, network_of, side_of
from bench.replay.deploy.game import Game, requests_of
from bench.replay.deploy.link import directions
from bench.replay.deploy.steps import Costs, Link


def table(seed=0, pieces=200, loss=0.0, least=0.0, radio=True):
    """A link whose rate changes every second or so, with outages where `least` is 0."""
    rng = np.random.default_rng(seed)
    start = np.concatenate([[0.0], np.cumsum(rng.uniform(0.3, 1.7, pieces - 1))])
    up = np.maximum(rng.lognormal(9, 1.5, pieces) * (rng.random(pieces) > 0.1), least)
    up[-1] = 5e4
    return Conditions.of(
        start, up, down=3 * up + 1e3, delay=rng.uniform(0.005, 0.06, pieces), loss=loss * rng.random(pieces),
        watts=1.3 * radio, joules_per_byte=2e-7 * radio, tail_seconds=0.7 * radio, tail_watts=0.9 * radio,
    )  # fmt: skip


def game(
    conditions,
    seed=0,
    samples=40,
    cuts=4,
    codecs=2,
    exits=3,
    watts=2.0,
    report=1.0,
    battery=0.0,
    other=0.02,
    scale=1.0,
    patience=math.inf,
    largest=1,
    wait=0.0,
):
    """A network of `cuts` cuts and an exit behind each of the last ones, with random times, bytes and answers."""
    rng = np.random.default_rng(seed)
    stages = list(range(cuts - 1 - exits, cuts - 1))
    device = scale * np.concatenate([[0.0], np.cumsum(rng.uniform(0.002, 0.02, cuts - 1))])
    server = (device[-1] - device) / 7
    heads = np.concatenate([scale * rng.uniform(0.0005, 0.002, exits - 1), [0.0]])
    arms = np.zeros((cuts - 1) * codecs + 1, ARM)
    keys = [(cut, codec) for cut in range(cuts - 1) for codec in range(codecs)] + [(cuts - 1, -1)]
    framed = rng.integers(100, 6000, (len(keys), samples)) // (
        1 + np.array([cut for cut, _ in keys])[:, None]
    )
    framed[-1] = 0
    labels = rng.integers(0, 5, samples)
    exit_answers = np.where(
        rng.random((exits, samples)) < np.linspace(0.6, 0.9, exits)[:, None], labels, (labels + 1) % 5
    )
    answers = np.repeat(exit_answers[-1:], len(keys), 0)
    for number, (_, codec) in enumerate(keys):
        if codec == 1:
            answers[number] = np.where(rng.random(samples) < 0.2, (answers[number] + 1) % 5, answers[number])
    right = answers == labels
    for number, (cut, codec) in enumerate(keys):
        before = sum(stage < cut for stage in stages)
        arms[number] = (
            cut, codec, device[cut] + (0.001 * scale if codec >= 0 else 0), heads[:before].sum(), server[cut],
            framed[number].mean(), right[number].mean(), (answers[number] == answers[-1]).mean(), before, 100 / (1 + cut),
            1e6 * device[cut], 1e6 * (device[-1] - device[cut]),
        )  # fmt: skip
    confidences = np.sort(rng.uniform(0.3, 1.0, (exits, samples)), 0)
    costs = Costs(
        np.array([device[stage + 1] for stage in stages]), heads, framed.astype(np.int64), answers.astype(np.int64),
        exit_answers.astype(np.int64), confidences, 64.0, watts, battery, other, patience,
    )  # fmt: skip
    up, down = directions(conditions)
    link = Link(up, down, conditions.tail_seconds, conditions.tail_watts, report)
    known = Known(
        arms, tuple(f"codec{number}" for number in range(codecs)), 80, float(device[-1]), (watts, 1.3),
        float(conditions.joules_per_byte.mean()), (conditions.tail_seconds, conditions.tail_watts), (False, False),
        costs.reach, costs.heads, confidences, exit_answers == labels,
    )  # fmt: skip
    batching = ALONE
    if largest > 1:  # of a batch of n: 1 + n / 3 times the seconds of one
        sizes = {size: tuple((1 + size / 3) * server) for size in (2, largest)}
        arms["server"] += 0.0007 * (arms["codec"] == 1)
        batching = batching_of(arms, tuple(server), sizes, largest, wait)
    return Game(known, costs, link, right, exit_answers == labels, np.arange(samples), (), batching)


USUAL = ("always-device", "always-server", "fixed[cut=1,threshold=0.7]", "dynamic", "best-fixed", "oracle")


def deploy(
    folder,
    store,
    policies=USUAL,
    channel="constant[up=0.2,rtt=20]",
    profile="scaled[by=30,watts=2.0]",
    server="recorded",
    **changes,
):
    """The deployment record of a run's folder; `changes` are circumstances."""
    network = network_of(RunFiles(folder), store)
    sides = tuple(side_of(choose(Profile, spec), network.run) for spec in (profile, server))
    circumstances = Circumstances.model_validate(
        {"arrivals": "poisson", "rate": 8.0, "seconds": 60.0, "order_seed": 0, "devices": 1, "reply": 64, "report": 1.0, "battery": 0.0,
         "deadline": 0.1} | changes
    )  # fmt: skip
    made = Deployment.of(network, choose(Channel, channel), sides, circumstances)
    chosen = [choose(SplitPolicy, spec) for spec in policies]
    return made.record(chosen, made.play(chosen))


def requests(of, rate=5.0, seconds=100.0, seed=0, devices=1, kind="poisson", load=0.0):
    return requests_of(of, kind, rate, seconds, seed, devices, load=load)


def sent_at(start, rate, moment, count):
    """When a payload's last byte leaves that begins at a moment: piece by piece, without any sum from the beginning."""
    place = max(n for n in range(len(start)) if start[n] <= moment)
    while True:
        end = start[place + 1] if place + 1 < len(start) else math.inf
        if rate[place] > 0 and moment + count / rate[place] <= end:
            return moment + count / rate[place], place
        if end == math.inf:
            return math.inf, place
        count, moment, place = count - rate[place] * (end - moment), end, place + 1


def in_batches(of, come, sent):
    """When each sent request is begun and ended by a server that batches, all arrivals being known: a list of pairs.

    Args:
        of: the game.
        come: the requests, those of other devices among them.
        sent: (moment of arrival, arm) of each of the device's own.
    """
    rules, arms = of.batching, of.known.arms
    queue = [(moment, 0, 0, 0.0, None) for moment in come.others]
    queue += [
        (moment, 1, int(arms[arm]["cut"]), rules.decoders[arm], place)
        for place, (moment, arm) in enumerate(sent)
        if moment < math.inf
    ]
    queue.sort(key=lambda one: (one[0], one[1], -1 if one[4] is None else one[4]))
    served, free = {}, 0.0
    while queue:
        head = queue[0]
        others_cut = next((number for number, one in enumerate(queue) if one[2] != head[2]), len(queue))
        moments = [head[0] + rules.wait]  # each of these closes the batch
        if others_cut < len(queue):
            moments.append(queue[others_cut][0])
        if min(others_cut, len(queue)) >= rules.largest:
            moments.append(queue[rules.largest - 1][0])
        begin = max(free, min(moments))
        batch = [one for one in queue[: min(others_cut, rules.largest)] if one[0] <= begin]
        free = begin + rules.seconds[head[2], len(batch)] + sum(one[3] for one in batch)
        served |= {one[4]: (begin, free) for one in batch if one[4] is not None}
        queue = queue[len(batch) :]
    return [served.get(place, (math.inf, math.inf)) for place in range(len(sent))]


def simulate(of, conditions, come, arms, exits, evaluates):
    """The moments of every request, one after the other, from choices that were made: float64 (N, 8).

    Args:
        of: the game.
        conditions: the channel's table.
        come: the requests.
        arms: chosen for each.
        exits: where the device answered, -1 for the server.
        evaluates: none, last or all exits before the cut.
    """
    known, costs, c = of.known.arms, of.costs, conditions
    up, down = c.up * (1 - c.loss), c.down * (1 - c.loss)
    device = link = server = back = arrived = answered = 0.0
    others, moments, batched = list(come.others), [], []

    def delay(place, count, luck):
        p, rounds, packets = c.loss[place], 0, max(math.ceil(count / 1500), 1)
        while p > 0 and (1 - p ** (rounds + 1)) ** packets < luck:
            rounds += 1
        return c.delay[place] * (1 + 2 * rounds)

    for n, (arm, left) in enumerate(zip(arms, exits, strict=True)):
        begin, sample, here = max(come.arrivals[n], device), come.samples[n], known[arm]
        asked = min(int(here["exits"]), len(costs.heads) - 1)
        waits = evaluates if evaluates != "none" or costs.patience == math.inf else "last"
        first = {"none": asked, "last": min(max(int(here["exits"]) - 1, 0), asked), "all": 0}[waits]
        is_early = first <= left < asked
        last = left if is_early else asked - 1
        device = (
            begin + (costs.reach[left] if is_early else here["device"]) + sum(costs.heads[first : last + 1])
        )
        if left >= 0:
            moments.append([begin] + 7 * [device])
            continue
        start = max(device, link)
        link, place = sent_at(c.start, up, start, costs.framed[arm, sample])
        sent = link
        if sent < math.inf:
            arrived = max(arrived, sent + delay(place, costs.framed[arm, sample], come.luck[n, 1]))
        else:
            arrived = math.inf
        if of.batching.largest > 1:
            moments.append([begin, device, start, sent, arrived, n, arm, 0.0])
            batched.append(len(moments) - 1)
            continue
        while others and others[0] <= arrived:
            server = max(server, others.pop(0)) + costs.other
        served = max(arrived, server)
        server = finished = served + here["server"]
        if finished < math.inf:
            back, place = sent_at(c.start, down, max(finished, back), costs.reply)
            answered = max(answered, back + delay(place, costs.reply, come.luck[n, 2]))
        else:
            back = answered = math.inf
        moments.append([begin, device, start, sent, arrived, served, finished, answered])
    pairs = in_batches(of, come, [(moments[row][4], moments[row][6]) for row in batched])
    for row, (served, finished) in zip(batched, pairs, strict=True):
        if finished < math.inf:
            back, place = sent_at(c.start, down, max(finished, back), costs.reply)
            answered = max(answered, back + delay(place, costs.reply, come.luck[moments[row][5], 2]))
        moments[row][5:] = [served, finished, answered if finished < math.inf else math.inf]
    return np.array(moments)
