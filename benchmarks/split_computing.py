"""Dynamic Split Computing's claim over recorded mobile links: as fast as the best fixed cut, and nearly as fast as the oracle.

    python benchmarks/split_computing.py RUN --records RECORDS --recordings DIR/mahimahi/*.up.csv DIR/hsdpa-norway-3g/*.csv ...

The committed table is of the task tiny-imagenet[classes=20] and the model torchvision[cuts=6,name=mobilenet_v3_small]_dense, trained
for 15 epochs with batches of 64.

RUN is the folder of a run whose network has natural bottlenecks; recordings are files of bandwidth over time, and the folder that
each lies in names its source. For every recording and device: the mean time to the answer of all on the device, all on the
server, the best fixed cut in hindsight, `dynamic`, and the oracle, and the difference in right answers between `dynamic` and the
whole network. The claim (Bakhtiarnia et al., ICASSP 2023): no slower than the best fixed cut, within 10% of the oracle, as often
right. The device and the server are models: so many MACs a second. `--out` writes the table as Markdown.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import Channel, Profile, SplitPolicy, choose
from bench.boards.units import seconds
from bench.machine import processor
from bench.records.deployment import Circumstances
from bench.records.run_files import RunFiles
from bench.records.store import Store
from bench.replay.deploy.deployment import Deployment, Network, network_of, side_of

POLICIES = ("always-device", "always-server", "best-fixed", "dynamic", "oracle")
SERVER = 'scaled[of="published[board=pixel-4-gpu]",by=0.25]'
"""Four times the fastest published board: about 170 GMAC/s."""
HEADS = (
    "source", "recording", "mean up", "device", "server", "best fixed", "dynamic", "oracle", "over best fixed", "over oracle",
    "right", "holds",
)  # fmt: skip


class Row(NamedTuple):
    """One recording: mean seconds to the answer by policy, and the difference in right answers."""

    source: str
    recording: str
    megabits: float
    means: dict[str, float]
    right: float

    @property
    def over(self) -> tuple[float, float]:
        """`dynamic` over the best fixed cut, and over the oracle."""
        return self.means["dynamic"] / self.means["best-fixed"], self.means["dynamic"] / self.means["oracle"]

    @property
    def holds(self) -> tuple[bool, bool, bool]:
        """Which of the claim's three parts hold: times to three digits, right answers to a standard error's order."""
        fixed, oracle = self.over
        return fixed <= 1.0005, oracle <= 1.1, abs(self.right) <= LOST


LOST = 0.01
"""Share of right answers that counts as unchanged."""


def rows(
    network: Network, files: Sequence[Path], by: float, span: float, rate: float, report: float, policy: str
) -> Iterator[Row]:
    """A row for each recording.

    Args:
        network: that is deployed.
        files: of the recordings.
        by: how many times slower than the published board the device is.
        span: seconds for which requests come.
        rate: requests a second.
        report: seconds between the modem's reports of the link's rate.
        policy: spec of the one that the claim is about.
    """
    device = f'scaled[of="published[board=pixel-4-cpu]",by={by:g}]'
    sides = tuple(side_of(choose(Profile, spec), network.run) for spec in (device, SERVER))
    circumstances = Circumstances(
        arrivals="poisson", rate=rate, seconds=span, order_seed=0, devices=1, reply=64, report=report, battery=0.0, deadline=None
    )  # fmt: skip
    policies = [choose(SplitPolicy, policy if spec == "dynamic" else spec) for spec in POLICIES]
    for file in files:
        channel = choose(Channel, f'recording[file="{file}"]')
        made = Deployment.of(network, channel, (sides[0], sides[1]), circumstances)
        played = dict(zip(POLICIES, made.play(policies).values(), strict=True))
        table = channel.plugin.conditions(span, 0)
        widths = [*(table.start[1:] - table.start[:-1]), max(span - table.start[-1], 0.0)]
        yield Row(
            file.parent.name, file.name, float((table.up * widths).sum() / sum(widths)) * 8e-6,
            {name: float(one.seconds.mean()) for name, one in played.items()},
            float(played["dynamic"].right.mean() - played["always-device"].right.mean()),
        )  # fmt: skip


def lines(found: Sequence[Row], by: float, report: float) -> Iterator[str]:
    """The Markdown of one device's rows."""
    yield f"## A device {by:g} times slower than a Pixel 4 ({32.1e9 / by / 1e6:,.0f} M MACs a second, modelled), reports every {report:g} s"
    yield ""
    yield "| " + " | ".join(HEADS) + " |"
    yield "|" + "---|" * len(HEADS)
    for row in found:
        times = [seconds(row.means[name]) if math.isfinite(row.means[name]) else "never" for name in POLICIES]
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
    parser.add_argument("--policy", default="dynamic")
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
        f"crosses at each cut: {shapes}. {asked.rate:g} request a second for {asked.seconds:g} s, round trip 50 ms, policy "
        f"`{asked.policy}`. The device and the server are models, by MACs; codecs take no time. Times are means to the answer; *right* is the difference in right answers to the whole network, in points. "
        "mahimahi's recordings are of the way up; those of hsdpa-norway-3g and fcc-2016 were taken downwards and stand for it "
        f"(fcc-2016 is fixed broadband). Computed on {processor()}; no time in it was taken there.",
        "",
    ]  # fmt: skip
    tables, summary = [], [
        "| device | reports every | no slower than the best fixed cut | within 10% of the oracle | as often right |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for by in asked.by:
        for report in asked.report:
            found = list(rows(network, asked.recordings, by, asked.seconds, asked.rate, report, asked.policy))
            held = [f"{sum(row.holds[place] for row in found)} of {len(found)}" for place in range(3)]
            summary.append(f"| {by:g} x Pixel 4 | {report:g} s | " + " | ".join(held) + " |")
            tables += lines(found, by, report)
    text += [*summary, "", *tables]
    written = "\n".join(text)
    print(written)
    if asked.out is not None:
        asked.out.write_text(written)


if __name__ == "__main__":
    main()
