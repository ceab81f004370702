"""Training through Seesaw against a plain PyTorch loop: seconds a step, as a ratio, interleaved in one process.

    python benchmarks/training.py [--rounds 7] [--threads 2]

Targets: resnet[depth=20] at most 1.05 x, a small mlp at most 1.5 x the plain loop over the same tensors and
network; lenet on CIFAR-shaped data with crop and flip at most 0.6 x a loop with torchvision transforms and a
DataLoader. The data are random: nothing is downloaded.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor

from bench import About, Backbone, Budget, Data, Exits, Net, Recipe, Sample, Scale, Split, assemble, choose

CPU = torch.device("cpu")
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def network(spec: str, sample: Sample, classes: int = 10) -> Net:
    """A backbone with the default exits plan."""
    from bench.testing import TinyTask

    class Shape(TinyTask):
        def about(self) -> About:
            return About(classes, sample, Recipe(epochs=1))

    torch.manual_seed(0)
    return assemble(choose(Backbone, spec).plugin, Shape().about(), choose(Exits, "joint").plugin)


def split(sample: Sample, count: int) -> Split:
    """Random images."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (count, *sample.shape), dtype=torch.uint8, generator=generator)
    return Split(inputs, torch.randint(0, 10, (count,), generator=generator))


def loss_of(logits: list[Tensor], labels: Tensor, progress: float = 0.0) -> Tensor:
    """The joint plan's loss."""
    return torch.stack([F.cross_entropy(one, labels) for one in logits]).sum()


def seesaw(net: Net, data: Data, recipe: Recipe) -> None:
    """One epoch through Seesaw."""
    Budget(data.lent, recipe, loss_of, 0, CPU)(net)


def optimizer_of(net: Net, recipe: Recipe) -> torch.optim.Optimizer:
    """The same optimiser for both."""
    return torch.optim.SGD(net.parameters(), recipe.lr, 0.9, weight_decay=5e-4, nesterov=True, fused=True)


def plain(net: Net, x: Tensor, y: Tensor, recipe: Recipe) -> None:
    """One epoch of the loop that everyone writes: tensors already scaled, shuffled by an index."""
    optimizer = optimizer_of(net, recipe)
    net.train()
    order = torch.randperm(len(y))
    for start in range(0, len(y) - recipe.batch + 1, recipe.batch):
        rows = order[start : start + recipe.batch]
        optimizer.zero_grad()
        loss_of(net(x[rows]), y[rows]).backward()
        optimizer.step()


def usual(net: Net, train: Split, recipe: Recipe) -> None:
    """One epoch with torchvision transforms image by image and a DataLoader."""
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms

    steps = [transforms.ToPILImage(), transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
    transform = transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])

    class Images(Dataset):
        def __len__(self) -> int:
            return len(train.labels)

        def __getitem__(self, number: int):
            return transform(train.inputs[number]), train.labels[number]

    optimizer = optimizer_of(net, recipe)
    net.train()
    for x, y in DataLoader(Images(), recipe.batch, shuffle=True, drop_last=True):
        optimizer.zero_grad()
        loss_of(net(x), y).backward()
        optimizer.step()


def interleaved(
    one: Callable[[], None], other: Callable[[], None], rounds: int
) -> tuple[float, float, list[float]]:
    """Median seconds of both, and the ratio one/other of every round."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for job, found in zip((one, other), times, strict=True):
            start = time.perf_counter()
            job()
            found.append(time.perf_counter() - start)
    first, second = times[0][1:], times[1][1:]
    return (
        statistics.median(first),
        statistics.median(second),
        [a / b for a, b in zip(first, second, strict=True)],
    )


def quartiles(ratios: list[float]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper quartile; of a single round, its ratio three times."""
    if len(ratios) == 1:
        return ratios[0], ratios[0], ratios[0]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return low, middle, high


def at_least_one(word: str) -> int:
    """A number of rounds."""
    if (rounds := int(word)) < 1:
        raise argparse.ArgumentTypeError("give one round or more")
    return rounds


def main() -> None:
    """Measure the three jobs and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=at_least_one, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    warnings.simplefilter("ignore")
    cifar, small = Sample((3, 32, 32)), Sample((1, 28, 28))
    table = Table(title=f"training, {words.threads} threads, medians of {words.rounds} interleaved rounds")
    for name in ("job", "Seesaw", "against", "ratio (quartiles)", "target"):
        table.add_column(name, justify="right")

    def row(
        job: str, against: str, target: float, mine: Callable[[], None], theirs: Callable[[], None]
    ) -> None:
        first, second, ratios = interleaved(mine, theirs, words.rounds)
        low, middle, high = quartiles(ratios)
        verdict = "met" if middle <= target else "missed"
        table.add_row(
            job, f"{first:.3f} s", f"{against} {second:.3f} s",
            f"{middle:.3f} ({low:.3f}-{high:.3f})", f"{target} {verdict}",
        )  # fmt: skip

    for spec, sample, count, target in (
        ("resnet[depth=20]", cifar, 2048, 1.05),
        ("mlp[widths=100]", small, 16384, 1.5),
    ):
        train, recipe = split(sample, count), Recipe(epochs=1, batch=128, lr=0.01)
        scale = Scale(MEAN[: sample.shape[0]], STD[: sample.shape[0]])
        data, x = Data(train, train, train, scale), scale(train.inputs)
        mine, theirs = network(spec, sample), network(spec, sample)
        row(
            f"{spec}, {count} images", "plain loop", target,
            lambda net=mine, d=data, r=recipe: seesaw(net, d, r),
            lambda net=theirs, x=x, y=train.labels, r=recipe: plain(net, x, y, r),
        )  # fmt: skip
    train, recipe = split(cifar, 4096), Recipe(epochs=1, batch=128, lr=0.01, crop=4, flip=True)
    data = Data(train, train, train, Scale(MEAN, STD))
    mine, theirs = network("lenet", cifar), network("lenet", cifar)
    row(
        "lenet with crop and flip, 4096 images", "torchvision + DataLoader", 0.6,
        lambda: seesaw(mine, data, recipe), lambda: usual(theirs, train, recipe),
    )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
