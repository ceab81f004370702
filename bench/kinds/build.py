"""A network from its plugins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch
from torch import nn

from bench.errors import SeesawError
from bench.kinds.backbone import Backbone
from bench.kinds.exits import Exits
from bench.kinds.growth import limited
from bench.kinds.method import Method
from bench.kinds.task import About
from bench.network.macs import Tariff
from bench.network.net import Net

USUAL = 4.0
"""Settings of a backbone up to so many times their defaults make no network that a memory could not hold."""


def assemble(backbone: Backbone, about: About, exits: Exits) -> Net:
    """A backbone's stages with the plan's heads hung on them.

    Args:
        backbone: gives the stages.
        about: the task's inputs and classes.
        exits: hangs the heads.

    Raises:
        SeesawError: no head on the last stage, or more modules or numbers than `bench.kinds.growth` allows.
    """
    backbone = backbone.for_task(about.names, about.inputs)
    with limited():
        stages, own = backbone.parts(about.sample, about.classes)
    net = Net(stages, about.sample, about.classes)
    shares, last = Tariff.of(net).shares(), len(net.stages) - 1

    def head(stage: int) -> nn.Module:
        if own is not None and stage == last:
            return own
        return backbone.head(net.shape(stage), about.classes)

    exits.hang(net, shares, head)
    if not net.exits or net.exits[-1] != len(net.stages) - 1:
        raise SeesawError(f"The exits plan {type(exits).__name__} hangs no head on the last stage. It must.")
    return net


def untrained(
    backbone: Backbone, method: Method, exits: Exits, about: About, *, cut: int | None = None, seed: int = 0
) -> tuple[Backbone, Net]:
    """The network before training, with its heads: the same initial weights for every method of a seed.

    PyTorch's random generator stays where building has left it, so the draws of training follow from the seed
    too; `seeded` keeps that from the caller.

    Args:
        backbone: of the run.
        method: may make the backbone narrower, or replace layers.
        exits: hangs the heads.
        about: the task's inputs and classes.
        cut: of the run, if it has one.
        seed: of the initial weights.

    Returns:
        The backbone as built, perhaps narrower than that of the run, and the network on the CPU.

    Raises:
        SeesawError: no such cut, no head on the last stage, or a network above the limits (`bench.kinds.growth`).
    """

    def on_meta(one: Backbone) -> Net:
        with torch.device("meta"):
            return assemble(one, about, exits)

    built = method.reshape(backbone, on_meta)
    _hold_size(built, about)
    torch.manual_seed(seed)
    net = assemble(built, about, exits)
    if cut is not None:
        net.inner_cut(cut)
    method.replace(net, cut)
    return built, net


def _hold_size(backbone: Backbone, about: About) -> None:
    """See that the stages of a backbone with large settings are within the limits, by their shapes alone.

    Another's network, and one of usual settings, is counted as it is built: shapes alone take PyTorch a second to import.

    Raises:
        SeesawError: they are not.
    """
    if not backbone.narrows or torch.get_default_device().type == "meta" or not _is_large(backbone):
        return
    with suppress(RuntimeError, TypeError), torch.device("meta"), limited():
        # what a stage does that tensors without numbers cannot is seen when it is built
        backbone.parts(about.sample, about.classes)


def _is_large(backbone: Backbone) -> bool:
    """Whether a setting is more than `USUAL` times its default, or than that times 1 where it has none."""

    def largest(value: object) -> float:
        values = value if isinstance(value, (tuple, list)) else [value]
        return max((one for one in values if isinstance(one, (int, float))), default=0.0)

    fields = type(backbone).model_fields
    return any(
        largest(getattr(backbone, name)) > USUAL * max(1.0, largest(field.default))
        for name, field in fields.items()
    )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it PyTorch draws by this seed; afterwards its generators stand where they stood before."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
