"""Predefined sparsity, exits, cuts and a link on one page: dense, narrow, predefined and pruned device parts over LTE.

    python benchmarks/four_seeds.py --runs runs [--records leaderboards/records] [--keep]

It needs the folders of the runs that made the records (`seesaw compare --task fashion-mnist --backbones mlp --epochs 4 --methods
narrow,sparse,pruned --densities 0.25 --seeds 0,1,2` runs them). For each method: the mean time to the answer, the device's joules
for computing and for its radio, and the share of right answers, by split policy, mean over seeds. Seconds of the device are those
in the run's record, really executed, so many times slower: a model, as its power and the radio's energy are. `--keep` writes the
deployment records beside the runs' for the boards, `--out` the table as Markdown.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import Channel, Profile, Record, SplitPolicy, choose
from bench.boards.deployments.read import sections
from bench.boards.deployments.section import Section
from bench.boards.units import joules, seconds
from bench.records.circumstances import Circumstances
from bench.records.deployment import DeploymentRecord
from bench.records.store import Store
from bench.replay.deploy.deployment import REFERENCES, Deployment, network_of, side_of

METHODS = ("dense", "narrow[density=0.25]", "sparse[density=0.25,nearest=true]", "pruned[density=0.25]")
POLICIES = (
    *REFERENCES, "fixed[cut=1,threshold=0.9]", "fixed[cut=2,threshold=0.9]", "dynamic", "neurosurgeon", "splitee", "splitee-s",
)  # fmt: skip
HEADS = ("device part", "policy", "top-1", "mean", "95%", "late", "sent", "bytes", "compute", "radio")


def runs_of(store: Store, task: str, backbone: str, epochs: int) -> Iterator[Record]:
    """The records of the four methods with one recipe, in their order."""
    found = [Record.read(path) for path in sorted(store.records.glob(f"{task}-v*/*/seed*.json"))]
    for method in METHODS:
        for record in found:
            setup = record.setup
            asked = (setup.backbone.spec, setup.method.spec, setup.task.spec, setup.recipe["epochs"])
            if (
                asked == (backbone, method, task, epochs)
                and store.run_files(store.run_record(setup, record.seed)).crossings.is_file()
            ):
                yield record


def deployed(record: Record, store: Store, channel: str, device: str) -> DeploymentRecord:
    """One run's deployment."""
    network = network_of(store.run_files(store.run_record(record.setup, record.seed)), store)
    sides = tuple(side_of(choose(Profile, spec), network.run) for spec in (device, "recorded"))
    circumstances = Circumstances(
        arrivals="poisson", rate=1.0, seconds=1800.0, order_seed=0, devices=1, reply=64, report=1.0, battery=0.0, deadline=0.1,
        fallback=True,
    )  # fmt: skip
    made = Deployment.of(network, choose(Channel, channel), (sides[0], sides[1]), circumstances)
    policies = [choose(SplitPolicy, spec) for spec in POLICIES]
    return made.record(policies, made.play(policies)).sealed()


def table(found: Sequence[Section]) -> Iterator[str]:
    """The Markdown of all networks: a row for each policy."""
    yield "| " + " | ".join(HEADS) + " |"
    yield "|" + "---|" * len(HEADS)
    for section in found:
        for line in section.lines:
            numbers = {name: one.value for name, one in line.numbers.items()}
            cells = [
                section.records[0].setup.method.spec, line.policy + (" (bound)" if line.bound else ""), f"{numbers['accuracy']:.2%}",
                *(seconds(numbers[key]) if key in numbers else "never" for key in ("mean", "95%")),
                *(f"{numbers[key]:.1%}" for key in ("late", "sent")), f"{numbers['bytes']:.0f} B",
                *(joules(numbers[key]) for key in ("compute", "radio")),
            ]  # fmt: skip
            yield "| " + " | ".join(cells) + " |"


def main() -> None:
    """Deploy and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=Path, default=Path("leaderboards/records"))
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--task", default="fashion-mnist")
    parser.add_argument("--backbone", default="mlp")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--channel", default="lte")
    parser.add_argument("--device", default="scaled[by=1000,watts=0.2]")
    parser.add_argument("--keep", action="store_true", help="write deployment records for the boards")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    store = Store(asked.records, asked.runs)
    made = [
        deployed(record, store, asked.channel, asked.device)
        for record in runs_of(store, asked.task, asked.backbone, asked.epochs)
    ]
    if not made:
        print(
            f"No run below {asked.runs} has a record below {asked.records} and what its samples sent. Run the networks first (--help)."
        )
        return
    found = sorted(sections(made), key=lambda one: METHODS.index(one.records[0].setup.method.spec))
    text = [
        "# Predefined sparsity, exits, cuts and a link", "",
        f"{asked.task}, {asked.backbone}, {asked.epochs} epochs, exits joint. {found[0].about} Device: {asked.device}.", "",
        *table(found), "",
    ]  # fmt: skip
    written = "\n".join(text)
    if asked.out is not None:
        asked.out.write_text(written)
    if asked.keep:
        for record in made:
            store.save(record)
    print(written)


if __name__ == "__main__":
    main()
