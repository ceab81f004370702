"""Deciders beside their rivals, on recordings of links that none of them was set on: mean time to the answer, and regret.

    python benchmarks/deciders.py RUN --records RECORDS [--recordings FILE ...] --out benchmarks/deciders.md

RUN is the folder of a run, as `seesaw run` writes it; the recordings are those of the package where none are named (Riiser et al., MMSys
2013: HSDPA in a bus, a tram and a train). Each is played at several rates of requests. *Regret* is the mean time beyond that of the oracle, which takes
for each request the arm that is answered first and so looks at one request at a time: where requests wait for each other, a policy
may be faster than it. `dynamic[bottlenecks=false]` enumerates all arms at the present rate, `enumeration` all arms with each exit before their
cut, those that wait counted: what `sac` learns to choose among.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import baselines.channels
from bench import Channel, Profile, SplitPolicy, choose
from bench.boards.units import seconds as in_seconds
from bench.machine import processor
from bench.records.circumstances import Circumstances
from bench.records.run_files import RunFiles
from bench.records.store import Store
from bench.replay.deploy.deployment import Deployment, Network, network_of, side_of

POLICIES = (
    "sac", "enumeration", "sac[exits=false]", "enumeration[exits=false]", "lyapunov", "memtl", "dynamic[bottlenecks=false]", "neurosurgeon",
    "best-fixed", "always-device", "always-server", "random", "oracle",
)  # fmt: skip
REGRETS = ("sac", "enumeration", "sac[exits=false]", "memtl", "lyapunov")
BOUNDS = ("oracle", "best-fixed")
"""Policies that see what is to come, and are no rival of one that does not."""


def rows(
    network: Network,
    files: list[Path],
    by: float,
    server: float,
    rates: list[float],
    span: float,
    right: dict[str, list[float]],
) -> Iterator[str]:
    """A line for each recording and rate; the share of right answers of each policy joins `right`."""
    sides = tuple(
        side_of(choose(Profile, f"scaled[by={one:g},watts=2]"), network.run) for one in (by, server)
    )
    policies = [choose(SplitPolicy, spec) for spec in POLICIES]
    for rate in rates:
        circumstances = Circumstances(
            arrivals="poisson", rate=rate, seconds=span, order_seed=0, devices=1, reply=64, report=1.0, battery=0.0, deadline=None
        )  # fmt: skip
        for file in files:
            made = Deployment.of(
                network, choose(Channel, f'recording[file="{file}"]'), (sides[0], sides[1]), circumstances
            )
            played = made.play(policies)
            for spec, one in played.items():
                right.setdefault(spec, []).append(float(one.right.mean()))
            means = {spec: float(one.seconds.mean()) for spec, one in played.items()}
            fastest = min((mean, spec) for spec, mean in means.items() if spec not in BOUNDS)[1]
            cells = [
                f"{'**' if spec == fastest else ''}{in_seconds(mean) if np.isfinite(mean) else 'never'}{'**' if spec == fastest else ''}"
                for spec, mean in means.items()
            ]
            regrets = [means[spec] - means["oracle"] for spec in REGRETS]
            cells += [f"{'-' if one < 0 else ''}{in_seconds(abs(one))}" for one in regrets]
            yield "| " + " | ".join([f"{rate:g}", file.stem, *cells]) + " |"


def budgets(network: Network, file: Path, by: float, server: float, span: float) -> Iterator[str]:
    """A line for each budget of joules."""
    sides = tuple(
        side_of(choose(Profile, f"scaled[by={one:g},watts=2]"), network.run) for one in (by, server)
    )
    circumstances = Circumstances(
        arrivals="poisson", rate=1.0, seconds=span, order_seed=0, devices=1, reply=64, report=1.0, battery=0.0, deadline=None
    )  # fmt: skip
    made = Deployment.of(
        network, choose(Channel, f'recording[file="{file}"]'), (sides[0], sides[1]), circumstances
    )
    (free,) = made.play([choose(SplitPolicy, "lyapunov")]).values()
    spent = float((free.compute + free.radio).mean())
    for share in (1.0, 0.9, 0.8, 0.6, 0.4):
        budget = float(f"{share * spent:.4g}")
        (one,) = made.play([choose(SplitPolicy, f"lyapunov[budget={budget},v=10]")]).values()
        used = float((one.compute + one.radio).mean())
        yield f"| {1000 * budget:.3g} mJ | {1000 * used:.3g} mJ | {in_seconds(float(one.seconds.mean()))} | {100 * (one.exits < 0).mean():.0f}% |"


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--records", type=Path, default=Path("results/records"))
    parser.add_argument("--recordings", type=Path, nargs="+")
    parser.add_argument(
        "--by", type=float, default=3000, help="how many times slower than the run's machine the device is"
    )
    parser.add_argument("--server", type=float, default=50, help="the same of the server")
    parser.add_argument("--rates", type=float, nargs="+", default=[2.0, 10.0, 20.0, 25.0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.run is None:
        print("It needs the folder of a run: name it (--help). The last table is in deciders.md.")
        return
    files = asked.recordings or sorted(
        (Path(baselines.channels.__file__).parent / "recordings").glob("*.csv")
    )
    network = network_of(RunFiles(asked.run), Store(asked.records))
    setup = network.run.setup
    heads = ["requests/s", "recording", *POLICIES, *(f"regret of {one}" for one in REGRETS)]
    right = dict[str, list[float]]()
    lines = list(rows(network, files, asked.by, asked.server, asked.rates, asked.seconds, right))
    text = [
        "# Deciders", "",
        f"Made by `benchmarks/deciders.py` from {setup.task.spec}, {setup.backbone.spec}, {setup.method.spec}, one seed, timed on {processor()}: the "
        f"device is {asked.by:g} times slower, the server {asked.server:g} times, both modelled. Requests come at random for {asked.seconds:g} s; means of "
        "the time to the answer, the fastest that sees nothing of what is to come in bold (`best-fixed` is picked in hindsight). `lyapunov` is not trained, and its settings were fixed on constant links. `memtl` and `sac` "
        "are trained on simulated conditions alone, once for all lines; no recording has a part in that. `memtl` learns from an enumeration that counts waiting requests as `lyapunov` does; `sac` from its own "
        "rewards. `sac` and `enumeration` choose an exit too.", "",
        "| " + " | ".join(heads) + " |", "|" + "--:|" * len(heads),
        *lines, "",
        "Right answers, mean of all lines: " + "; ".join(f"`{spec}` {100 * np.mean(values):.2f}%" for spec, values in right.items())
        + ".", "",
        f"Within a budget of joules, by `lyapunov[budget=...,v=10]`, 1 request a second over {files[0].stem}; computing takes 2 W (modelled):", "",
        "| budget a request | spent | mean time | sent |", "|--:|--:|--:|--:|",
        *budgets(network, files[0], asked.by, asked.server, asked.seconds),
    ]  # fmt: skip
    written = "\n".join(text) + "\n"
    print(written)
    if asked.out is not None:
        asked.out.write_text(written)


if __name__ == "__main__":
    main()
