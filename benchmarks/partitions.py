"""Partitions of the papers' networks: D3 on three tiers, fused rows on several servers, and what a minimum cut takes.

    python benchmarks/partitions.py [--graphs FOLDER] [--rounds 5] [--longest 15] > benchmarks/partitions.md

Times of operations are measured on this machine, with one thread, as seconds of the processor, which other programs move less than
those of the wall; other machines are this one, scaled, and so modelled. Files of graphs that are in the folder already are taken
as they are. Times that partitioners take are the process's own.
"""

import argparse
import statistics
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch
from rich import box
from rich.console import Console
from rich.table import Table

from bench import Graph, LinkState, Partitioner, Placement, Shared, Site, choose, conditions, cost
from bench.commands.split.graphs import graph_by_name
from bench.testing.partitioners import random_graph, random_site

NETWORKS = {
    "alexnet": "3x224x224", "vgg16": "3x224x224", "resnet18": "3x224x224", "inception_v3": "3x299x299", "googlenet": "3x224x224",
    "mobilenet_v2": "3x224x224",
}  # fmt: skip
CLAIMED = "alexnet", "vgg16", "resnet18", "inception_v3"
"""Those of the paper; it has Inception-v4, and Darknet-53 beside them, which torchvision lacks."""
SCALES = {"device": 20.0, "edge": 1.0, "server": 0.1}
"""Machines as times of this one: a small board, this machine, and a server with an accelerator. Modelled."""
NEAR = LinkState(85e6 / 8, 85e6 / 8, 1e-3)
BACKHAULS = {
    "5.85 Mbit/s": LinkState(5.85e6 / 8, 13.76e6 / 8, 27.5e-3),
    "18.9 Mbit/s": LinkState(18.88e6 / 8, 54.97e6 / 8, 10e-3),
    "100 Mbit/s": LinkState(100e6 / 8, 100e6 / 8, 5e-3),
}
"""From the edge to the server: the channels' LTE and Wi-Fi rates, and a good line."""
BESIDE = {"0.1": 0.1e9, "1": 1e9, "100": 100e9}
"""Gbit/s between servers, with 0.1 ms one way."""


def tell(console: Console, table: Table) -> None:
    """Print a table as Markdown, without spaces at the ends of lines."""
    with console.capture() as told:
        console.print(table)
    print("\n".join(line.rstrip() for line in told.get().splitlines()))


def seconds_of(graph: Graph) -> np.ndarray:
    """Seconds of the processor for each operation."""
    readings = [one.seconds for one in graph.operations]
    return np.array([0.0 if one is None else one.processor or 0.0 for one in readings])


def plugin(spec: str) -> Partitioner:
    return choose(Partitioner, spec).plugin


def tiers_of(graph: Graph, backhaul: LinkState) -> Site:
    seconds = seconds_of(graph)
    rows = np.stack([scale * seconds for scale in SCALES.values()])
    return Site(tuple(SCALES), rows, (NEAR, backhaul), LinkState(1e9 / 8, 1e9 / 8, 1e-4))


def d3(console: Console, graphs: dict[str, Graph]) -> None:
    """Milliseconds on three tiers, beside single tiers and the exact cut."""
    table = Table(
        "network", "backhaul", "device", "edge", "server", "neurosurgeon", "d3", "d3, 4 edge nodes", "exact cut", "gap of d3",
        "to best single tier", "bytes on the backhaul, of the server alone's", box=box.MARKDOWN,
    )  # fmt: skip
    faster, beside, less, gaps = [], [], [], []
    for name, graph in graphs.items():
        count = len(graph.operations)
        for words, backhaul in BACKHAULS.items():
            site = tiers_of(graph, backhaul)
            single = [cost(graph, site, Placement((0, *[tier] * (count - 1)))) for tier in range(3)]
            specs = ("neurosurgeon", "d3", "d3[nodes=4]", "min-cut")
            one, walked, shared, exact = (
                cost(graph, site, plugin(spec).place(graph, site)) for spec in specs
            )
            gaps.append(walked.seconds / exact.seconds - 1)
            if name in CLAIMED:
                faster.append((one.seconds / shared.seconds, name, words))
                beside.append((min(found.seconds for found in single) / shared.seconds, name, words))
            sent = shared.bytes[1] / single[2].bytes[1]
            if sent and name in CLAIMED and shared.seconds <= min(found.seconds for found in single):
                less.append((1 / sent, name, words))
            table.add_row(
                name, words, *(f"{1e3 * found.seconds:.1f}" for found in (*single, one, walked, shared, exact)), f"{gaps[-1]:.1%}",
                f"{min(found.seconds for found in single) / shared.seconds:.2f} x", f"{sent:.2f}",
            )  # fmt: skip
    tell(console, table)
    ratio, name, words = max(faster)
    alone, where, link = max(beside)
    print(f"\nOn the paper's networks ({', '.join(CLAIMED)}), d3 with 4 edge nodes against neurosurgeon's cut between device and server: at most {ratio:.2f} x ({name}, {words}); claim up to 3.4 x over its rivals: {'met' if ratio >= 3.4 else 'not met'}, against a rival that may not use the edge. Against the best single tier: at most {alone:.2f} x ({where}, {link}), because the walk takes each operation by itself and stays on a tier once a tensor costs more to send than one operation gains.")  # fmt: skip
    if less:
        ratio, name, words = max(less)
        print(f"\nBytes on the backhaul, where d3 sends some and is no slower than the best single tier: at most {ratio:.2f} x fewer than the server alone's ({name}, {words}); claim 3.68 x: {'met' if ratio >= 3.68 else 'not met'}.")  # fmt: skip
    else:
        print("\nFewer bytes on the backhaul, claim 3.68 x: not met. Wherever d3 is no slower than the best single tier, it sends nothing over the backhaul, or all that the server alone needs.")  # fmt: skip
    print(f"\nGap of d3 to the exact three-tier cut: mean {statistics.mean(gaps):.1%}, at most {max(gaps):.1%}, none in {sum(gap < 1e-9 for gap in gaps)} of {len(gaps)}.")  # fmt: skip


def repairs(console: Console, graphs: dict[str, Graph], changes: int = 30) -> None:
    """What a repair loses against placing anew, after random changes of times and links."""
    table = Table(
        "network",
        "as it stood",
        "repaired",
        "d3 anew",
        "repaired in",
        "d3 anew in",
        "exact cut in",
        box=box.MARKDOWN,
    )
    for name, graph in graphs.items():
        rng, ratios, taken = np.random.default_rng(0), [], []
        site = tiers_of(graph, BACKHAULS["18.9 Mbit/s"])
        stood = plugin("d3").place(graph, site)
        for _ in range(changes):
            seconds = (
                site.seconds
                * np.exp(rng.normal(0, 0.5, (3, 1)))
                * np.exp(rng.normal(0, 0.2, site.seconds.shape))
            )
            links = tuple(
                LinkState(link.up * float(np.exp(rng.normal(0, 1.0))), link.down, link.delay)
                for link in site.links
            )
            after = Site(site.names, seconds, links, site.beside)
            moments = [time.process_time()]
            repaired = plugin("d3").repair(graph, after, stood)
            moments.append(time.process_time())
            anew = plugin("d3").place(graph, after)
            moments.append(time.process_time())
            exact = cost(graph, after, plugin("min-cut").place(graph, after)).seconds
            moments.append(time.process_time())
            ratios.append([cost(graph, after, one).seconds / exact for one in (stood, repaired, anew)])
            taken.append(np.diff(moments))
        over, milliseconds = np.mean(ratios, 0), 1e3 * np.median(taken, 0)
        table.add_row(name, *(f"{one:.3f}" for one in over), *(f"{one:.2f} ms" for one in milliseconds))
    tell(console, table)


def fused(console: Console, graphs: dict[str, Graph]) -> None:
    """Time saved by several servers, over one server with all layers."""
    table = Table("network", "Gbit/s", *(f"{count} servers" for count in (2, 4, 8)), "blocks (4)", "each layer (4)", "one block (4)", box=box.MARKDOWN)  # fmt: skip
    best = (0.0, "", "")
    for name, graph in graphs.items():
        if name not in CLAIMED:
            continue
        seconds = seconds_of(graph)
        count = len(seconds)
        placed = (0, *[1] * (count - 1))
        for words, rate in BESIDE.items():
            site = Site(("device", "server"), np.stack([1e6 * seconds, seconds]), (LinkState(1e18, 1e18),), LinkState(rate / 8, rate / 8, 1e-4))  # fmt: skip
            saved, blocks = [], ()
            for servers in (2, 4, 8):
                found = plugin(f"fused[servers={servers}]").place(graph, site)
                saved.append(1 - cost(graph, site, found).seconds / seconds.sum())
                blocks = found.shared if servers == 4 else blocks
                if name == "vgg16":
                    best = max(best, (saved[-1], f"{servers} servers", f"{words} Gbit/s"))
            singles, whole = rivals(graph, 4)
            others = [
                1 - cost(graph, site, Placement(placed, one)).seconds / seconds.sum()
                for one in (singles, whole)
            ]
            table.add_row(
                name,
                words,
                *(f"{one:.0%}" for one in saved),
                str(len(blocks)),
                *(f"{one:.0%}" for one in others),
            )
    tell(console, table)
    print(f"\nVGG-16 takes at most {best[0]:.0%} less time than on one server ({best[1]}, {best[2]}); the paper's claim is up to 73%: {'met' if best[0] >= 0.73 else 'not met'}.")  # fmt: skip


def rivals(graph: Graph, machines: int) -> tuple[tuple[Shared, ...], tuple[Shared, ...]]:
    """Every border its own block (rows exchanged after each layer, as in MoDNN), and all in one block, as far as rows go."""
    from bench import blocks_before

    ones = np.ones(len(graph.operations))
    last = 0
    for border in graph.borders[1:]:
        if graph.operations[border].height and any(block.first <= last + 1 for block in blocks_before(graph, ones, border, machines)):  # fmt: skip
            last = border
        else:
            break
    ends = [border for border in graph.borders if 0 < border <= last]
    return tuple(Shared(start + 1, end, machines) for start, end in zip([0, *ends], ends, strict=False)), (Shared(1, last, machines),)  # fmt: skip


def cuts(console: Console) -> None:
    """Process time of exact cuts of random graphs."""
    table = Table("operations", "tiers", "median", "slowest of 20", "target", box=box.MARKDOWN)
    for operations, target in ((150, 10), (400, 50), (2000, 200)):
        for tiers in (2, 3):
            rng = np.random.default_rng(operations)
            taken = []
            for _ in range(20):
                graph, site = random_graph(operations, rng), random_site(operations, tiers, rng)
                begun = time.process_time()
                plugin("min-cut").place(graph, site)
                taken.append(1e3 * (time.process_time() - begun))
            is_met = statistics.median(taken) <= target
            table.add_row(str(operations), str(tiers), f"{statistics.median(taken):.1f} ms", f"{max(taken):.1f} ms", f"{target} ms{'' if is_met else ' missed'}")  # fmt: skip
    tell(console, table)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--graphs", type=Path, default=Path("runs/graphs"), help="folder of the networks' graphs"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--longest", type=float, default=15.0)
    args = parser.parse_args()
    console = Console(width=220)
    torch.set_num_threads(1)
    here = conditions(torch.device("cpu"))
    graphs = {}
    for name, image in NETWORKS.items():
        path = args.graphs / f"{name}.json"
        if not path.exists():
            args.graphs.mkdir(parents=True, exist_ok=True)
            graph_by_name(f"torchvision[name={name}]", image, 1000, 1, args.rounds, args.longest).write(path)
        graphs[name] = Graph.read(path)
    print(
        f"# {date.today()}, {here['processor']}, torch {torch.__version__}\n\nBy `python benchmarks/partitions.py`."
    )
    print(
        "\n## Networks\n\nMeasured here, operation by operation, one thread, one sample: seconds of the processor. Disturbed are operations most of whose timings other programs had a part in.\n"
    )
    table = Table("network", "images", "operations", "borders", "MACs", "time", "disturbed", box=box.MARKDOWN)
    for name, graph in graphs.items():
        readings = [one.seconds for one in graph.operations if one.seconds is not None]
        disturbed = sum(not one.is_reliable for one in readings)
        table.add_row(
            name, NETWORKS[name], str(len(graph.operations)), str(len(graph.borders)), f"{sum(one.macs for one in graph.operations) / 1e9:.2f} G",
            f"{1e3 * seconds_of(graph).sum():.0f} ms", f"{disturbed} of {len(readings)}",
        )  # fmt: skip
    tell(console, table)
    print("\n## D3: three tiers\n\nMilliseconds. Modelled: device " + ", ".join(f"{name} {scale:g} x" for name, scale in SCALES.items()).removeprefix("device ") + " the times above; 85 Mbit/s from device to edge.\n")  # fmt: skip
    d3(console, graphs)
    print(
        "\n## D3: repairs\n\nTime over that of the exact cut, mean of 30 changes of all times and both links.\n"
    )
    repairs(console, graphs)
    print("\n## Fused rows: several servers\n\nTime saved over one server. Modelled: an operation's time falls on its rows equally; 0.1 ms one way between servers; sending the image to the first one is not counted.\n")  # fmt: skip
    fused(console, graphs)
    print("\n## Minimum cuts\n\nRandom graphs; time of the process.\n")
    cuts(console)


if __name__ == "__main__":
    main()
