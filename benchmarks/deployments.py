"""Seconds of the processor for a deployment of 100,000 requests over an hour's recording with ten split policies.

    python benchmarks/deployments.py [--requests 100000] [--recording norway-tram] [--rounds 5]

Target: 1 s. The network is a small made-up one, whose bytes and answers of single samples are at hand, as a run's are; the
recording is a real one, repeated to an hour. Compiling, once a machine, is not counted.
"""

import argparse
import statistics
import time
from dataclasses import replace

from bench import Channel, SplitPolicy, choose
from bench.machine import processor
from bench.replay.deploy.game import requests_of
from bench.replay.deploy.link import directions
from bench.replay.deploy.play import play
from bench.replay.deploy.steps import Link
from bench.testing.games import small_game

POLICIES = (
    "always-device", "always-server", "best-fixed", "random", "oracle", "dynamic", "neurosurgeon", "splitee", "hi-lcb[cut=2]",
    "mu-linucb",
)  # fmt: skip
HOUR = 3600.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--recording", default="norway-tram", help="a file, or one of seesaw's own")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    channel = choose(Channel, f'recording[file="{asked.recording}"]').plugin
    conditions = channel.conditions(HOUR, 0)
    link = Link(*directions(conditions), conditions.tail_seconds, conditions.tail_watts, 1.0)
    game = replace(small_game(), link=link)
    requests = requests_of(game, "poisson", asked.requests / HOUR, HOUR, 0, 1)
    few = requests._replace(
        arrivals=requests.arrivals[:1], samples=requests.samples[:1], luck=requests.luck[:1]
    )
    policies = {spec: choose(SplitPolicy, spec).plugin for spec in POLICIES}
    for policy in policies.values():
        play(policy, game, few)  # compiles it
    rounds = []
    for _ in range(asked.rounds):
        spent = {}
        for spec, policy in policies.items():
            begun = time.process_time()
            play(policy, game, requests)
            spent[spec] = time.process_time() - begun
        rounds.append(spent)
    for spec in policies:
        print(f"{spec}: {statistics.median(one[spec] for one in rounds):.3f} s")
    whole = statistics.median(sum(one.values()) for one in rounds)
    print(
        f"{len(requests.arrivals):,} requests, {len(policies)} policies, {len(conditions):,} pieces of the link: {whole:.3f} s of the "
        f"processor (target 1 s {'met' if whole <= 1 else 'missed'}), {processor()}"
    )


if __name__ == "__main__":
    main()
