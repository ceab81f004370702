"""Dynamic Split Computing's claim over recorded mobile links: as fast as the best fixed cut, and nearly as fast as the oracle.

    python benchmarks/split_computing.py RUN --records RECORDS --recordings DIR/mahimahi/*.up.csv DIR/hsdpa-norway-3g/*.csv ...

The committed table is of the task tiny-imagenet[classes=20] and the model torchvision[cuts=6,name=mobilenet_v3_small]_dense, trained
for 15 epochs with batches of 64.

RUN is the folder of a run whose network has natural bottlenecks; recordings are files of bandwidth over time, and the folder that
each lies in names its source. For every recording and device: the mean time to the answer of all on the device, all on the
server, the best fixed cut in hindsight, a policy (`dynamic`, and again with `window=8`), and the oracle, and the difference in right
answers between the policy and the whole network. The claim (Bakhtiarnia et al., ICASSP 2023): no slower than the best fixed cut, within 10% of the oracle, as often
right. Where a policy is not within these 10%, the excess over the oracle is shared out to what the policy did. The device and the
server are models: so many MACs a second. `--out` writes the tables as Markdown.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench import Channel, Profile, SplitPolicy, choose
from bench.boards.units import seconds
from bench.machine import processor
from bench.records.circumstances import Circumstances
from bench.records.run_files import RunFiles
from bench.records.store import Store
from bench.replay.deploy.deployment import Deployment, Network, network_of, side_of
from bench.replay.deploy.play import Played

REFERENCES = ("always-device", "always-server", "best-fixed", "oracle")
SERVER = 'scaled[of="published[board=pixel-4-gpu]",by=0.25]'
"""Four times the fastest published board: about 170 GMAC/s."""
HEADS = (
    "source", "recording", "mean up", "device", "server", "best fixed", "oracle", "policy", "over best fixed", "over oracle", "right",
    "holds",
)  # fmt: skip
WORST = 3
"""Requests that are looked at apart."""


class Excess(NamedTuple):
    """What the oracle would have saved a policy, by what the policy did: requests, and their share of the seconds.

    Attributes:
        stayed: on the device, where the oracle sent.
        sent: where the oracle stayed.
        worst: share of the `WORST` requests that lost most.
    """

    stayed: tuple[int, float]
    sent: tuple[int, float]
    worst: float

    @classmethod
    def of(cls, policy: Played, oracle: Played, last: int) -> "Excess":
        """Of one policy; `last` is the arm that stays on the device."""
        lost = policy.seconds - oracle.seconds
        here, there = policy.arms == last, oracle.arms == last
        whole = max(float(lost.sum()), 1e-12)
        stayed, sent = (
            (int(one.sum()), float(lost[one].sum() / whole)) for one in (here & ~there, ~here & there)
        )
        return cls(stayed, sent, float(np.sort(lost)[-WORST:].sum() / whole))


class Row(NamedTuple):
    """One recording and one policy: mean seconds to the answer, and the difference in right answers."""

    source: str
    recording: str
    megabits: float
    means: dict[str, float]
    right: float
    excess: Excess

    @property
    def over(self) -> tuple[float, float]:
        """The policy over the best fixed cut, and over the oracle."""
        return self.means["policy"] / self.means["best-fixed"], self.means["policy"] / self.means["oracle"]

    @property
    def holds(self) -> tuple[bool, bool, bool]:
        """Which of the claim's three parts hold: times to three digits, right answers to a standard error's order."""
        fixed, oracle = self.over
        return fixed <= 1.0005, oracle <= 1.1, abs(self.right) <= LOST


LOST = 0.01
"""Share of right answers that counts as unchanged."""


def rows(
    network: Network,
    files: Sequence[Path],
    by: float,
    span: float,
    rate: float,
    report: float,
    policies: Sequence[str],
) -> Iterator[tuple[Row, ...]]:
    """Rows for each recording, one for each policy.

    Args:
        network: that is deployed.
        files: of the recordings.
        by: how many times slower than the published board the device is.
        span: seconds for which requests come.
        rate: requests a second.
        report: seconds between the modem's reports of the link's rate.
        policies: specs of those that the claim is about.
    """
    device = f'scaled[of="published[board=pixel-4-cpu]",by={by:g}]'
    sides = tuple(side_of(choose(Profile, spec), network.run) for spec in (device, SERVER))
    circumstances = Circumstances(
        arrivals="poisson", rate=rate, seconds=span, order_seed=0, devices=1, reply=64, report=report, battery=0.0, deadline=None
    )  # fmt: skip
    specs = (*REFERENCES, *policies)
    chosen = [choose(SplitPolicy, spec) for spec in specs]
    for file in files:
        channel = choose(Channel, f'recording[file="{file}"]')
        made = Deployment.of(network, channel, (sides[0], sides[1]), circumstances)
        played = dict(zip(specs, made.play(chosen).values(), strict=True))
        table = channel.plugin.conditions(span, 0)
        widths = [*(table.start[1:] - table.start[:-1]), max(span - table.start[-1], 0.0)]
        megabits = float((table.up * widths).sum() / sum(widths)) * 8e-6
        means = {name: float(one.seconds.mean()) for name, one in played.items()}
        whole, last = played["always-device"].right.mean(), len(made.game.known.arms) - 1
        yield tuple(
            Row(
                file.parent.name, file.name, megabits, means | {"policy": means[spec]}, float(played[spec].right.mean() - whole),
                Excess.of(played[spec], played["oracle"], last),
            )
            for spec in policies
        )  # fmt: skip


def lines(found: Sequence[Row], by: float, report: float, policy: str) -> Iterator[str]:
    """The Markdown of one device's rows."""
    yield f"## `{policy}`, a device {by:g} times slower than a Pixel 4 ({32.1e9 / by / 1e6:,.0f} M MACs a second, modelled), reports every {report:g} s"
    yield ""
    yield "| " + " | ".join(HEADS) + " |"
    yield "|" + "---|" * len(HEADS)
    for row in found:
        times = [
            seconds(row.means[name]) if math.isfinite(row.means[name]) else "never"
            for name in (*REFERENCES, "policy")
        ]
        ratios = [f"{one:.3f} x" if math.isfinite(one) else "-" for one in row.over]
        cells = [
            row.source,
            row.recording[-48:],
            f"{row.megabits:.2f} Mbit/s",
            *times,
            *ratios,
            f"{100 * row.right:+.1f}",
        ]
        yield "| " + " | ".join([*cells, "yes" if all(row.holds) else "no"]) + " |"
    yield ""


def lost(found: Sequence[tuple[str, float, float, Row]]) -> Iterator[str]:
    """The Markdown of what the oracle would have saved, where it is more than 10%: (policy, device, report, row)."""
    yield "## What the oracle would have saved, where it is more than 10%"
    yield ""
    yield (
        "Requests that stayed on the device where the oracle sent, those that were sent where it stayed, with their share of the excess, "
        f"and the share of the {WORST} requests that lost most."
    )
    yield ""
    yield f"| policy | device | reports every | recording | over oracle | stayed | sent | worst {WORST} |"
    yield "|" + "---|" * 8
    for policy, by, report, row in found:
        (stayed, share), (sent, other) = row.excess.stayed, row.excess.sent
        yield (
            f"| `{policy}` | {by:g} x | {report:g} s | {row.recording[-48:]} | {row.over[1]:.3f} x | {stayed}: {share:.0%} | "
            f"{sent}: {other:.0%} | {row.excess.worst:.0%} |"
        )
    yield ""


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--records", type=Path, default=Path("results/records"))
    parser.add_argument("--recordings", type=Path, nargs="+", default=[])
    parser.add_argument("--by", type=float, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=1)
    parser.add_argument(
        "--report", type=float, nargs="+", default=[1.0, 0.1], help="seconds between the modem's reports"
    )
    parser.add_argument("--policy", nargs="+", default=["dynamic", "dynamic[window=8]"])
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.run is None or not asked.recordings:
        print(
            "It needs the folder of a run and files of recordings: name them (--help). The last table is in split_computing.md."
        )
        return
    network = network_of(RunFiles(asked.run), Store(asked.records))
    exits = [f"{one.readings['top1'].value:.1%}" for one in network.run.exits]
    shapes = ", ".join("x".join(map(str, cut.shape)) for cut in network.run.cuts)
    text = [
        "# Dynamic Split Computing over recorded links", "",
        f"{network.run.setup.task.spec}, {network.run.setup.backbone.spec}, {network.run.setup.method.spec}: top-1 {exits[-1]}; what "
        f"crosses at each cut: {shapes}. {asked.rate:g} request a second for {asked.seconds:g} s, round trip 50 ms. "
        f"The device and the server are models, by MACs; codecs take no time. Times are means to the answer; *right* is the difference in right answers to the whole network, in points. "
        "mahimahi's recordings are of the way up; those of hsdpa-norway-3g and fcc-2016 were taken downwards and stand for it "
        f"(fcc-2016 is fixed broadband). Computed on {processor()}; no time in it was taken there.",
        "",
    ]  # fmt: skip
    tables, missed, summary = [], [], [
        "| policy | device | reports every | no slower than the best fixed cut | within 10% of the oracle | as often right | over the oracle, mean |",
        "|" + "---|" * 7,
    ]  # fmt: skip
    for by in asked.by:
        for report in asked.report:
            of = list(
                zip(
                    *rows(network, asked.recordings, by, asked.seconds, asked.rate, report, asked.policy),
                    strict=True,
                )
            )
            for policy, found in zip(asked.policy, of, strict=True):
                held = [f"{sum(row.holds[place] for row in found)} of {len(found)}" for place in range(3)]
                over = sum(row.over[1] for row in found) / len(found)
                summary.append(
                    f"| `{policy}` | {by:g} x Pixel 4 | {report:g} s | "
                    + " | ".join(held)
                    + f" | {over:.3f} x |"
                )
                missed += [(policy, by, report, row) for row in found if row.over[1] > 1.1]
                if policy == asked.policy[0] or not all(all(row.holds) for row in found):
                    tables += lines(found, by, report, policy)
    text += [*summary, "", *lost(missed), *tables]
    written = "\n".join(text)
    print(written)
    if asked.out is not None:
        asked.out.write_text(written)


if __name__ == "__main__":
    main()
