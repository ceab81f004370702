"""Predicted times to the answer beside measured ones, over a shaped link, for every (network, cut, codec, rate) that is asked.

    python benchmarks/real.py RECORD ... --records RECORDS --runs RUNS --cuts 3 6 --rate 20 --seconds 4 \\
      --links 'constant[up=2,rtt=40]' 'constant[up=5,rtt=40]' 'recording[rtt=60]' --out benchmarks/real.md

RECORD is the record of a run whose weights lie in RUNS. A device (this process), a link and a server (processes of their own) answer
the same requests that a replay computes; the profile of both sides is what the record says of this machine. The goal: the median within
15%, the 95th percentile within 25%.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench import Channel, Profile, choose
from bench.boards.units import seconds
from bench.machine import processor, settle
from bench.records.circumstances import Circumstances
from bench.records.store import Store
from bench.replay.deploy.deployment import Deployment, network_of, side_of
from bench.runs.real import Real, really
from bench.runs.served import served

REPLY = 64
"""Bytes of an answer, as `seesaw deploy` takes them where nothing else is said."""
GOALS = {50: 0.15, 95: 0.25}
HEADS = (
    "network", "cut", "codec", "link", "requests", "median, predicted", "measured", "ratio", "95%, predicted", "measured", "ratio",
    "as right", "within",
)  # fmt: skip


class Row(NamedTuple):
    """One combination."""

    network: str
    cut: int
    codec: str
    link: str
    real: Real

    def ratio(self, percent: int) -> float:
        """Measured over predicted."""
        predicted, measured = self.real.quantiles(percent)
        return measured / predicted

    @property
    def within(self) -> bool:
        """Whether both goals are met."""
        return all(abs(self.ratio(percent) - 1) <= goal for percent, goal in GOALS.items())


def rows(
    records: Sequence[Path], folders: tuple[Path, Path], cuts: Sequence[int], codecs: Sequence[str], links: Sequence[str],
    rate: float, span: float, profile: str,
) -> Iterator[Row]:  # fmt: skip
    """A row for each combination, as it is measured."""
    store = Store(*folders)
    circumstances = Circumstances(
        arrivals="poisson", rate=rate, seconds=span, order_seed=0, devices=1, reply=REPLY, report=1.0, battery=0.0, deadline=None
    )  # fmt: skip
    for path, cut, codec in product(records, cuts, codecs):
        network = network_of(store.run_files(path), store)
        side, policy = side_of(choose(Profile, profile), network.run), f"fixed[cut={cut},codec={codec}]"
        with served(network.run, store, policy) as server:
            for link in links:
                deployment = Deployment.of(network, choose(Channel, link), (side, side), circumstances)
                yield Row(network.run.setup.model, cut, codec, link, really(deployment, policy, server))


def line(row: Row) -> str:
    """A row as Markdown."""
    cells = [row.network, str(row.cut), row.codec, row.link, f"{len(row.real.measured):,}"]
    for percent in GOALS:
        predicted, measured = row.real.quantiles(percent)
        cells += [seconds(predicted), seconds(measured), f"{row.ratio(percent):.3f}"]
    same = float(np.mean(row.real.right == row.real.predicted.right))
    return "| " + " | ".join([*cells, f"{same:.1%}", "yes" if row.within else "no"]) + " |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("record", type=Path, nargs="+")
    parser.add_argument("--records", type=Path, default=Path("results/records"))
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--cuts", type=int, nargs="+", default=[1])
    parser.add_argument("--codecs", nargs="+", default=["float32", "int8"])
    parser.add_argument(
        "--links",
        nargs="+",
        default=["constant[up=0.1,rtt=100]", "constant[up=0.5,rtt=100]", "constant[up=2,rtt=40]"],
    )
    parser.add_argument("--rate", type=float, default=3.0, help="requests a second, on the mean")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each combination")
    parser.add_argument("--profile", default="recorded", help="of both sides")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    settle(1, deterministic=False)
    load = os.getloadavg()[1]
    text = [
        f"# Predicted and measured, on {processor()}, one thread",
        "",
        f"`benchmarks/real.py`: {asked.rate:g} requests a second at random moments for {asked.seconds:g} s each; answers of {REPLY} "
        f"bytes, and what gRPC adds, predicted; profile of both sides: {asked.profile}. Ratios are measured over predicted; within: the median by 15% and the "
        "95th percentile by 25%. As right: requests whose answer is right, or wrong, as predicted.",
        "",
        f"When it began, {load:.1f} programs wanted the machine's {os.cpu_count()} cores (mean of five minutes, other programs' included): "
        "what waits for a core is in no prediction, and weighs the more, the faster the link.",
        "",
        "| " + " | ".join(HEADS) + " |",
        "|" + "---|" * len(HEADS),
    ]
    print("\n".join(text), flush=True)
    found = []
    for row in rows(
        asked.record, (asked.records, asked.runs), asked.cuts, asked.codecs, asked.links, asked.rate, asked.seconds, asked.profile
    ):  # fmt: skip
        found.append(row)
        text.append(line(row))
        print(text[-1], flush=True)
    text += ["", f"{sum(row.within for row in found)} of {len(found)} combinations are within both."]
    print("\n".join(text[-2:]))
    if asked.out is not None:
        asked.out.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
