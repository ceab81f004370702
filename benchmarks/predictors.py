"""How far times of a network are off that regressions by kind of layer predict from other networks (Neurosurgeon, ASPLOS 2017).

    python benchmarks/predictors.py [FOLDER] > benchmarks/predictors.md

FOLDER has files of `seesaw profile --graph` from one machine, such as `benchmarks/partitions.py --graphs FOLDER` writes. Each network
is left out once and predicted from all others, by the processor's seconds. Then it is cut once by its predictions, and that
is counted by its own times beside the best single cut; device and server are this machine, 5 x as slow and 10 x as fast.
"""

import argparse
from pathlib import Path

import numpy as np

from baselines.profiles.predicted import kinds_of, predict
from bench import Graph, LinkState, Placement, Site, cost

LINKS = {
    "3G": LinkState(1.1e6 / 8, 2.0275e6 / 8, 60e-3),
    "LTE": LinkState(5.85e6 / 8, 13.76e6 / 8, 27.5e-3),
    "Wi-Fi": LinkState(18.88e6 / 8, 54.97e6 / 8, 2.5e-3),
}
SCALES = (5.0, 0.1)


def measured(graph: Graph) -> np.ndarray:
    """Seconds of the processor for each operation."""
    return np.array(
        [0.0 if one.seconds is None else one.seconds.processor or 0.0 for one in graph.operations]
    )


def site(seconds: np.ndarray, link: LinkState) -> Site:
    return Site(("device", "server"), np.stack([scale * seconds for scale in SCALES]), (link,))


def best(graph: Graph, at: Site) -> Placement:
    """The fastest single cut, or all on one side."""
    count = len(graph.operations)
    cuts = [Placement((0,) * count)]
    cuts += [Placement((*[0] * (one + 1), *[1] * (count - one - 1))) for one in graph.borders]
    return min(cuts, key=lambda one: cost(graph, at, one).seconds)


def where(graph: Graph, placement: Placement) -> str:
    """The side that computes all, or the operation behind which a placement cuts."""
    here = placement.tiers.count(0)
    return (
        "all on the device"
        if here == len(graph.operations)
        else "all on the server"
        if here <= 1
        else f"behind {graph.operations[here - 1].name}"
    )


def main() -> None:
    """Predict and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs/graphs"))
    graphs = {path.stem: Graph.read(path) for path in sorted(parser.parse_args().folder.glob("*.json"))}
    if len(graphs) < 2:
        parser.exit(
            2,
            "A network is predicted from others: name a folder of two graphs or more (benchmarks/partitions.py writes some).\n",
        )
    print(
        "# Predicted times of layers\n\nMade by `benchmarks/predictors.py`; each network is predicted from all others. *lost*: how much slower the best single cut "
        "by predictions is than the best by the network's own times, both counted by the latter.\n"
    )
    print(
        "| network | operations | measured, ms | predicted, ms | off | median of operations | of those above 1% | lost by its cut |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|---|")
    by_kind: dict[str, list[float]] = {}
    for name, graph in graphs.items():
        others = [other for key, other in graphs.items() if key != name]
        found, strange = predict(graph, others, "processor")
        own = measured(graph)
        there = np.array([one.kind != "input" for one in graph.operations]) & (own > 0)
        off = np.abs(found[there] / own[there] - 1)
        large = own[there] > own.sum() / 100
        for one, error in zip(np.array(kinds_of(graph))[there], off, strict=True):
            by_kind.setdefault(one, []).append(error)
        lost = []
        for label, link in LINKS.items():
            true, believed = site(own, link), site(found, link)
            chosen = best(graph, believed)
            ratio = cost(graph, true, chosen).seconds / cost(graph, true, best(graph, true)).seconds
            lost.append(f"{label} {ratio - 1:.1%} ({where(graph, chosen)})")
        rare = f" (rare elsewhere: {', '.join(strange)})" if strange else ""
        print(
            f"| {name}{rare} | {there.sum()} | {1e3 * own.sum():.1f} | {1e3 * found.sum():.1f} | {found.sum() / own.sum() - 1:+.0%} | "
            f"{np.median(off):.0%} | {np.median(off[large]):.0%} | {', '.join(lost)} |"
        )
    print("\n| kind | operations | median error | 90% below |\n|---|--:|--:|--:|")
    for one, errors in sorted(by_kind.items(), key=lambda pair: -len(pair[1])):
        print(f"| {one} | {len(errors)} | {np.median(errors):.0%} | {np.quantile(errors, 0.9):.0%} |")


if __name__ == "__main__":
    main()
