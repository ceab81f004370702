"""Partitions of the papers' networks: D3 on three tiers, fused rows on several servers, and what a minimum cut takes.

    python benchmarks/partitions.py [--graphs FOLDER] [--rounds 5] [--longest 15] > benchmarks/partitions.md

Times of operations are measured on this machine, with one thread, as seconds of the processor, which other programs move less than
those of the wall; other machines are this one, scaled, and so modelled. Files of graphs that are in the folder already are taken
as they are. Times that partitioners take are the process's own.
"""

import argparse
import gc
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
SWEEP = tuple(float(one) for one in np.geomspace(3, 200, 25))
"""Mbit/s from the edge to the server, with 10 ms there and back."""
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
    faster, beside, gaps = [], [], []
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
            table.add_row(
                name, words, *(f"{1e3 * found.seconds:.1f}" for found in (*single, one, walked, shared, exact)), f"{gaps[-1]:.1%}",
                f"{min(found.seconds for found in single) / shared.seconds:.2f} x", f"{sent:.2f}",
            )  # fmt: skip
    tell(console, table)
    ratio, name, words = max(faster)
    alone, where, link = max(beside)
    print(f"\nOn the paper's networks ({', '.join(CLAIMED)}), d3 with 4 edge nodes against neurosurgeon's cut between device and server: at most {ratio:.2f} x ({name}, {words}); claim up to 3.4 x over its rivals: {'met' if ratio >= 3.4 else 'not met'}, against a rival that may not use the edge. Against the best single tier: at most {alone:.2f} x ({where}, {link}), because the walk takes each operation by itself and stays on a tier once a tensor costs more to send than one operation gains.")  # fmt: skip
    print(f"\nGap of d3 to the exact three-tier cut: mean {statistics.mean(gaps):.1%}, at most {max(gaps):.1%}, none in {sum(gap < 1e-9 for gap in gaps)} of {len(gaps)}.")  # fmt: skip


def with_floats(graph: Graph) -> Graph:
    """The graph with four bytes for each number of its input, as frameworks hold it, and not one, as a camera gives it."""
    edges = [
        edge.model_copy(update={"bytes": 4 * edge.bytes}) if edge.source == 0 else edge
        for edge in graph.edges
    ]
    return Graph(model=graph.model, sample=graph.sample, operations=graph.operations, edges=tuple(edges))


def spans(rates: list[float]) -> str:
    """From which to which rate, or none."""
    return f"{min(rates):.3g} to {max(rates):.3g}" if rates else "none"


def backhauls(console: Console, graphs: dict[str, Graph]) -> None:
    """How many times fewer bytes than the server alone d3 sends over the backhaul, and at which rates of it that pays."""
    table = Table("network", "an input's number", "times fewer", "at, Mbit/s", "no slower than the best single tier at", "so does the exact cut at", box=box.MARKDOWN)  # fmt: skip
    paying = []
    for name, graph in graphs.items():
        for of, word in ((graph, "1 byte"), (with_floats(graph), "4 bytes")):
            ratios, sends, pays, exact = set[float](), [], [], []
            for rate in SWEEP:
                site = tiers_of(of, LinkState(rate * 1e6 / 8, rate * 1e6 / 8, 5e-3))
                count = len(of.operations)
                single = [cost(of, site, Placement((0, *[tier] * (count - 1)))) for tier in range(3)]
                found, best = (
                    cost(of, site, plugin(spec).place(of, site)) for spec in ("d3[nodes=4]", "min-cut")
                )
                fewer, other = (
                    single[2].bytes[1] / one.bytes[1] if one.bytes[1] else 0.0 for one in (found, best)
                )
                exact += [rate] if other > 1 else []
                if fewer > 1:
                    ratios.add(round(fewer, 2))
                    sends.append(rate)
                    if found.seconds <= min(one.seconds for one in single) * (1 + 1e-9):
                        pays.append(rate)
            if pays and name in CLAIMED:
                paying.append((max(ratios), name, spans(pays), word))
            table.add_row(name, word, " or ".join(f"{one:g} x" for one in sorted(ratios)) or "-", spans(sends), spans(pays), spans(exact))  # fmt: skip
    tell(console, table)
    if not paying:
        print("\nFewer bytes on the backhaul, claim up to 3.68 x: not met at any of these rates without being slower than the best single tier.")  # fmt: skip
        return
    ratio, name, rates, word = max(paying)
    print(f"\nFewer bytes on the backhaul where that is no slower than the best single tier: at most {ratio:g} x, {name} at {rates} Mbit/s, {word} a number; claim up to 3.68 x: {'met' if ratio >= 3.68 else 'not met'}. Which tensor crosses is the network's, so the ratio is too; the rate decides whether it pays.")  # fmt: skip


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
            site = servers_of(seconds, LinkState(rate / 8, rate / 8, 1e-4))
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


def shares_of_time(console: Console, graph: Graph) -> None:
    """Where the time of fused rows goes on VGG-16: shares of what one server takes."""
    table = Table("Gbit/s", "servers", "rows, dealt", "rows computed twice", "exchange", "not shared", "sum", box=box.MARKDOWN)  # fmt: skip
    seconds = seconds_of(graph)
    whole, count = seconds.sum(), len(seconds)
    free = servers_of(seconds, LinkState(1e18, 1e18))
    for words, rate in BESIDE.items():
        site = servers_of(seconds, LinkState(rate / 8, rate / 8, 1e-4))
        for servers in (2, 4, 8):
            blocks = plugin(f"fused[servers={servers}]").place(graph, site).shared
            placed = Placement((0, *[1] * (count - 1)), blocks)
            dealt = sum(seconds[one.first : one.last + 1].sum() / one.machines for one in blocks)
            alone = whole - sum(seconds[one.first : one.last + 1].sum() for one in blocks)
            computed, every = (cost(graph, one, placed).seconds for one in (free, site))
            parts = dealt, computed - alone - dealt, every - computed, alone, every
            table.add_row(words, str(servers), *(f"{one / whole:.1%}" for one in parts))
    tell(console, table)


def servers_of(seconds: np.ndarray, beside: LinkState) -> Site:
    """Servers with a link between them, and a device that is no choice."""
    return Site(("device", "server"), np.stack([1e6 * seconds, seconds]), (LinkState(1e18, 1e18),), beside)


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
    """Process time of exact cuts of random graphs; the first of each size is not counted, and no garbage is collected meanwhile."""
    chosen = plugin("min-cut")
    gc.collect()
    gc.disable()
    table = Table("operations", "tiers", "median", "slowest of 20", "target", box=box.MARKDOWN)
    for operations, target in ((150, 10), (400, 50), (2000, 200)):
        for tiers in (2, 3):
            rng = np.random.default_rng(operations)
            taken = []
            for number in range(21):
                graph, site = random_graph(operations, rng), random_site(operations, tiers, rng)
                begun = time.process_time()
                chosen.place(graph, site)
                if number:
                    taken.append(1e3 * (time.process_time() - begun))
            is_met = max(taken) <= target
            table.add_row(str(operations), str(tiers), f"{statistics.median(taken):.1f} ms", f"{max(taken):.1f} ms", f"{target} ms{'' if is_met else ' missed'}")  # fmt: skip
    gc.enable()
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
    print("\n## D3: what crosses the backhaul\n\nThe same machines; rates of the backhaul from 3 to 200 Mbit/s in 25 steps, 10 ms there and back. Against the server alone, d3 with 4 edge nodes sends so many times fewer bytes from the edge, at the rates where it sends any but not all.\n")  # fmt: skip
    backhauls(console, graphs)
    print(
        "\n## D3: repairs\n\nTime over that of the exact cut, mean of 30 changes of all times and both links.\n"
    )
    repairs(console, graphs)
    print("\n## Fused rows: several servers\n\nTime saved over one server. Modelled: an operation's time falls on its rows equally; 0.1 ms one way between servers; sending the image to the first one is not counted.\n")  # fmt: skip
    fused(console, graphs)
    print("\nWhere VGG-16's time goes, as shares of one server's: rows that are dealt out, rows at the borders of tiles that two servers compute, exchanges, and what needs whole tensors (its last pool and layers).\n")  # fmt: skip
    shares_of_time(console, graphs["vgg16"])
    print("\n## Minimum cuts\n\nRandom graphs; time of the process, without the collection of garbage, which takes a fifth of a second in a process with PyTorch.\n")  # fmt: skip
    cuts(console)


if __name__ == "__main__":
    main()
