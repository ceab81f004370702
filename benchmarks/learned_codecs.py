"""Learned codecs at one cut beside plain ones and pictures of the input, five rates each, over seeds.

    python benchmarks/learned_codecs.py --task fashion-mnist --data DIR --records DIR --runs DIR

For each seed a dense network is trained, then at one cut the coders of every family at five rates; the same samples cross the cut
through `uint` with zstd, and are sent as PNG, JPEG and WebP at six qualities. These are ordinary runs: one that was stopped goes on
after the last coder that it trained, and one that has a record is only read. Trainings are short, as the page says that they are.
`--out` writes the tables anew after each seed, over all seeds so far; with `--only-write` nothing is run, and a seed without a record
is left out.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from bench import RunRequest, SeesawError, run
from bench.boards.extract import machine_of
from bench.boards.markup import table, text
from bench.boards.rates import HEADS, NOTE, Rates, loses_little
from bench.records.record import Record, load
from bench.runs.request import ResolvedRun

QUALITIES = (5, 10, 25, 50, 75, 95)
PICTURES = (
    "picture[format=png]",
    *(f"picture[format={form},quality={one}]" for form in ("jpeg", "webp") for one in QUALITIES),
)
PLAIN = tuple(f"uint[bits={bits},through=zstd]" for bits in (8, 4, 3, 2, 1))


class Trial(NamedTuple):
    """What is tried on one task, five rates of each family of learned codecs.

    Attributes:
        model: the network.
        epochs: of its training.
        cut: where its features cross.
        narrow: channels and bits of each `bottleneck`.
        sent: channels that `progressive` sends, of as many as the last says.
        betas: of `entropic`.
        units: betas of the units of `variable-rate`.
        coder_epochs: of the training of a coder of one rate; `progressive` has two more, `variable-rate` four for its five units.
    """

    model: str
    epochs: int
    cut: int
    narrow: tuple[tuple[int, int], ...]
    sent: tuple[int, ...]
    betas: tuple[float, ...]
    units: tuple[str, ...]
    coder_epochs: int

    def families(self) -> dict[str, tuple[str, ...]]:
        """The learned codecs at the cut, by family."""
        at, n = f"cuts={self.cut}", self.coder_epochs
        prefix = f"progressive[channels={self.sent[-1]},bits=4,{at},epochs={n + 2}"
        units = f"variable-rate[betas={':'.join(self.units)},{at},epochs={n + 4}"
        return {
            "bottleneck": tuple(f"bottleneck[channels={c},bits={b},{at},epochs={n}]" for c, b in self.narrow),
            "entropic": tuple(f"entropic[beta={beta},{at},epochs={n}]" for beta in self.betas),
            "progressive": tuple(f"{prefix},sent={sent}]" for sent in self.sent),
            "variable-rate": tuple(f"{units},rate={rate}]" for rate in range(len(self.units))),
        }


TRIALS = {
    "fashion-mnist": Trial(
        "lenet_dense", 15, 2, ((1, 2), (2, 2), (2, 4), (4, 4), (8, 4)), (1, 2, 3, 4, 6),
        (0.05, 0.2, 0.6, 2, 6), ("0.00003", "0.0001", "0.0003", "0.001", "0.003"), 3,
    ),
    "cifar100": Trial(
        "resnet[depth=8]_dense", 15, 3, ((2, 4), (4, 4), (8, 4), (16, 4), (24, 4)), (2, 4, 6, 8, 12),
        (0.05, 0.2, 0.6, 2, 6), ("0.00001", "0.00003", "0.0001", "0.0003", "0.001"), 1,
    ),
}  # fmt: skip
"""By task."""


def requests(args: argparse.Namespace) -> list[RunRequest]:
    """A request for each seed."""
    trial = TRIALS[args.task]
    own = trial.families()
    chosen = tuple(spec for name in args.families.split(",") for spec in own[name])
    return [
        RunRequest(
            task=args.task,
            model=trial.model,
            codecs=(*PLAIN, *PICTURES, *chosen),
            policies=("confidence",),
            meters=("macs", "storage"),
            seed=int(seed),
            recipe={"epochs": str(trial.epochs)},
            data=args.data,
            records=args.records,
            runs=args.runs,
        )
        for seed in args.seeds.split(",")
    ]


def learned_answer(rates: Rates, cut: int, names: list[str]) -> str:
    """What the learned codecs at their cut send at one point lost, or how near the best one comes, beside WebP of the input."""
    own = [curve for curve in rates.curves if curve.cut == cut and curve.name in names]
    webp = rates.picture("webp")
    needs = rates.fewest([webp], loses_little) if webp else None
    beside = f"; the input needs {needs.bytes.value:.0f} B as WebP ({needs.codec})" if needs else ""
    if (fewest := rates.fewest(own, loses_little)) is not None:
        wins = needs is not None and needs.bytes.value < fewest.bytes.value
        end = ": the input wins." if wins else "."
        return f"Learned codecs at cut {cut}: {fewest.bytes.value:.0f} B by {fewest.codec} at one point lost{beside}{end}"
    best = min((point for curve in own for point in curve.points), key=lambda point: point.lost.value)
    return (
        f"Learned codecs at cut {cut}: none loses so little as one point; the best, {best.codec}, loses "
        f"{100 * best.lost.value:.2f} points at {best.bytes.value:.0f} B{beside}{': the input wins.' if needs else '.'}"
    )


def page(records: list[Record], args: argparse.Namespace) -> str:
    """The tables of some records of one request, as Markdown."""
    model, epochs, cut = TRIALS[args.task][:3]
    rates = Rates(records)
    seeds = ", ".join(str(record.seed) for record in records)
    machines = " and ".join(sorted({machine_of(record) for record in records}))
    top1 = [record.exits[-1].readings["top1"].value for record in records]
    lines = [
        f"# Learned codecs on {args.task}",
        "",
        f"`{model}`, exits joint, {epochs} epochs, at cut {cut}; {'seed' if len(records) == 1 else 'seeds'} {seeds}; top-1 without a cut {min(top1):.2%}"
        + (f" to {max(top1):.2%}" if len(top1) > 1 else "")
        + f". {machines}. Coders are trained for the few epochs that their specs name: more may make them better.",
        "",
        *(f"* {text(answer)}" for answer in rates.answers()),
        f"* {text(learned_answer(rates, cut, args.families.split(',')))}",
        "",
        *table(HEADS, [[text(cell.text) for cell in cells] for cells in rates.rows()]),
        "",
        NOTE,
        "",
        "Every codec:",
        "",
        *table(
            ("cut", "codec", "bytes", "framed", "top-1", "points lost", "agreement"),
            [
                [
                    str(point.cut),
                    text(point.codec),
                    *(f"{one.value:.1f}" + (f" ± {one.half:.1f}" if one.half else "") for one in (point.bytes, point.framed)),
                    f"{point.top1.value:.2%}",
                    f"{100 * point.lost.value:.2f}" + (f" ± {100 * point.lost.half:.2f}" if point.lost.half else ""),
                    "" if point.agree is None else f"{point.agree.value:.2%}",
                ]
                for curve in rates.curves
                for point in curve.points
            ],
        ),
        "",
        "More seeds and families, and these again: `python benchmarks/learned_codecs.py"
        f" --task {args.task} --seeds 0,1,2 --data DIR`; `--families {args.families}` for these alone. A picture without a quality has 75, `jpeg` 90. A JPEG of so small an image is for the most part its tables.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def report(line: str) -> None:
    """Say how far it is, beside the tables."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Run what has no record yet, print the tables, and write them where they are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--task", choices=sorted(TRIALS), default="fashion-mnist")
    parser.add_argument("--seeds", default="0,1,2", help="joined by commas")
    parser.add_argument(
        "--families",
        default=",".join(TRIALS["cifar100"].families()),
        help="of learned codecs, joined by commas",
    )
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--records", type=Path, default=Path("results/records"))
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--out", type=Path, help="a file for the tables, in Markdown")
    parser.add_argument(
        "--only-write", action="store_true", help="run nothing: tables of the records that are there"
    )
    args = parser.parse_args()
    found: list[Record] = []
    try:
        for request in requests(args):
            resolved = ResolvedRun.of(request)
            if not resolved.is_done and args.only_write:
                report(f"Seed {request.seed} has no record below {args.records}, and is left out.")
                continue
            report(
                f"Seed {request.seed}: read from {resolved.path}."
                if resolved.is_done
                else f"Seed {request.seed}: trains, or goes on where it was stopped; {len(request.codecs)} codecs."
            )
            found.append(load(resolved.path) if resolved.is_done else run(request))
            if args.out is not None:  # what there is so far, should a later seed be stopped
                args.out.write_text(page(found, args), encoding="utf-8")
    except SeesawError as error:
        print(error, file=sys.stderr)
        return 1
    if not found:
        print("There is no record yet. Leave out --only-write to run.", file=sys.stderr)
        return 1
    print(page(found, args))
    return 0


if __name__ == "__main__":
    sys.exit(main())
