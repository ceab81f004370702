"""What papers on early exits claim, beside what this repository's records and this machine say.

    python benchmarks/early_exits.py [--rounds 30] [--threads 1]

BranchyNet (Teerapittayanon et al. 2016), LeNet on MNIST: 94.3% of the samples leave at the branch, 99.25% are right, and
a sample takes 5.4 times less. The share and the accuracy come from the records, at the operating point of `entropy` that
comes nearest to that share on the calibration split. The times are taken now, of one sample, in turn. The paper's code
brackets the trunk alone; here the branch, and then deciding who leaves, are added.

Shallow-Deep Networks (Kaya et al. 2019): half the average cost at the accuracy of the network without early exits. The
records are of an 8-layer ResNet on Fashion-MNIST; costs are MACs, heads included, over those of that network.
"""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bench import (
    About,
    Backbone,
    Curve,
    Exits,
    Net,
    Part,
    Policy,
    Recipe,
    Record,
    Sample,
    Walker,
    assemble,
    choose,
    fast,
    leaves_now,
    load,
    timed,
    without_early_exits,
)

RECORDS = Path(__file__).parent.parent / "leaderboards" / "records"
SHARE, ACCURACY, FASTER = 0.943, 0.9925, 5.4
"""BranchyNet's share that leaves at the branch, accuracy, and times less a sample takes."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    branchynet_by_record()
    branchynet_on_the_clock(asked.rounds)
    shallow_deep()


def records(pattern: str, exits: str) -> list[Record]:
    """Those below a folder that were trained with a plan for exits, by seed."""
    found = [load(path) for path in RECORDS.glob(f"{pattern}/seed*.json")]
    return sorted((one for one in found if one.setup.exits.name == exits), key=lambda one: one.seed)


def of_policy(record: Record, policy: str) -> Curve:
    return next(curve for curve in record.curves if curve.policy == policy)


def branchynet_by_record() -> None:
    """The accuracy at the published share of early exits."""
    right = []
    for record in records("mnist-v1/branchy-lenet_dense-*", "joint"):
        curve = of_policy(record, "entropy")
        assert curve.calibration is not None
        left = curve.calibration.left
        point = min(range(len(left)), key=lambda number: abs(left[number][0] / sum(left[number]) - SHARE))
        found = curve.outcomes[point]
        right.append(found.accuracy)
        print(
            f"BranchyNet, seed {record.seed}: {found.accuracy:.2%} at {found.shares[0]:.1%} early, "
            f"{found.macs / curve.costs[-1]:.1%} of all MACs"
        )
    if right:
        mean = statistics.fmean(right)
        verdict = "met" if mean >= ACCURACY - 0.002 else "missed"
        print(f"mean of {len(right)}: {mean:.2%} (published {ACCURACY:.2%}; within 0.2 points: {verdict})")


def branchynet_on_the_clock(rounds: int) -> None:
    """How many times less a sample takes at the published share, by what the clock takes in."""
    about = About(10, Sample((1, 28, 28)), Recipe(epochs=1, batch=1))
    plan = choose(Exits, "joint[at=0,weights=1:0.3,alone=0.33]").plugin
    net = assemble(choose(Backbone, "branchy-lenet").plugin, about, plan).eval()
    whole, x = without_early_exits(net), torch.randn(1, 1, 28, 28)
    middle = prepared(net, 0, 1, x)(x)[0]
    walker, entropy = Walker(net, x, [1]), choose(Policy, "entropy").plugin
    always, never = (
        leaves_now(entropy, {"thresholds": torch.full((2,), bound)}) for bound in (-torch.inf, torch.inf)
    )
    jobs: dict[str, Callable[[], object]] = {
        "without": again(prepared(whole, 0, 4, x), x),
        "trunk, first": again(prepared(whole, 0, 1, x), x),
        "trunk, rest": again(prepared(whole, 1, 4, middle), middle),
        "first": again(prepared(net, 0, 1, x), x),
        "leaving": again(lambda x: walker(x, always), x),
        "staying": again(lambda x: walker(x, never), x),
    }
    found = timed(jobs, x.device, rounds, 60)
    times = {name: one.reading("clock").value / AGAIN for name, one in found.items()}
    rest = (1 - SHARE) * times["trunk, rest"]
    samples_take = {
        "trunk alone": times["trunk, first"] + rest,
        "and the branch": times["first"] + rest,
        "and deciding": SHARE * times["leaving"] + (1 - SHARE) * times["staying"],
    }
    without = times["without"]
    print(f"a sample without the branch: {without * 1e6:.1f} us, {torch.get_num_threads()} threads")
    for name, seconds in samples_take.items():
        print(f"{name}: {seconds * 1e6:.1f} us, {without / seconds:.2f} times less (published {FASTER} x)")


AGAIN = 50
"""Samples taken for one timing."""


def again(run: Callable[[Tensor], object], x: Tensor) -> Callable[[], None]:
    """Many times in a row."""

    def job() -> None:
        for _ in range(AGAIN):
            run(x)

    return job


def prepared(net: Net, start: int, stop: int, x: Tensor) -> Callable[[Tensor], list[Tensor]]:
    """What runs some of the stages, in the way that is fastest for the whole network."""
    way = fast(net.whole(), torch.randn(len(x), *net.sample.shape)).way
    return way.prepare(Part(net, start, stop), x)


def shallow_deep() -> None:
    """The cheapest operating point that is as right as the network without early exits, on the calibration split."""
    alone = {one.seed: one for one in records("fashion-mnist-v1/resnet_dense-*", "single")}
    for record in records("fashion-mnist-v1/resnet_dense-*", "sdn"):
        if record.seed not in alone:
            continue
        curve, last = of_policy(record, "confidence"), alone[record.seed].exits[-1].readings
        macs, right = last["macs"].value, last["top1"].value
        same = of_policy(alone[record.seed], "never").outcomes[0].calibration_accuracy or 0.0
        good = [point for point in curve.outcomes if (point.calibration_accuracy or 0.0) >= same]
        cheapest = min(good, key=lambda point: point.macs, default=None)
        half = curve.at(macs / 2)
        print(
            f"SDN, seed {record.seed}: without early exits {right:.2%}; "
            + (f"{half.accuracy:.2%} at half its MACs; " if half else "no point at half its MACs; ")
            + (
                f"as right on the calibration split from {cheapest.macs / macs:.0%} of its MACs on ({cheapest.accuracy:.2%})"
                if cheapest
                else "never as right on the calibration split"
            )
        )


if __name__ == "__main__":
    main()
