"""Captured: backbones whose network is any module that takes images and gives logits."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
import torch.nn.functional as F
from pydantic import PrivateAttr
from torch import Tensor, nn

from bench.errors import SeesawError
from bench.kinds.backbone import Backbone
from bench.network.graph.capture import capture
from bench.network.graph.values import on_meta
from bench.network.net import Sample
from bench.plugins.plugin import Count, Whole
from bench.records.setup import Preprocessing

IMAGENET = 1000
"""Classes of a network that is built without a task."""


class Captured(Backbone):
    """The contract: `module` gives the whole network; its stages are the parts between its blocks.

    What follows the last block is the classifier of the last exit, so that exit gives the network's own answer,
    bit for bit.
    """

    cuts: Whole | None = None
    """how many places to cut at, near equal shares of the MACs; every border between blocks where left open"""
    size: Count | None = None
    """height and width that images are brought to first; where left open, those of its published weights, or as they come"""

    _names: tuple[str, ...] = PrivateAttr(default=())
    _inputs: Preprocessing | None = PrivateAttr(default=None)

    @property
    def narrows(self) -> bool:
        return False

    def for_task(self, names: Sequence[str], inputs: Preprocessing | None) -> Self:
        twin = self.model_copy()
        twin._names, twin._inputs = tuple(names), inputs
        return twin

    def module(self, sample: Sample, classes: int) -> nn.Module:
        """The network, for images that look like `sample`: (N, *sample.shape) to logits (N, classes)."""
        raise NotImplementedError(f"{type(self).__name__} must define module(sample, classes)")

    def hold_width(self) -> None:
        """See that the network can have this width.

        Raises:
            SeesawError: it cannot.
        """
        if self.width != 1 and not self.narrows:
            raise SeesawError(
                "The network comes from elsewhere, and `width` cannot narrow it. Choose another method than narrow, or a "
                "smaller network by its name."
            )

    def stages(self, sample: Sample) -> list[nn.Module]:
        """The stages of the network for a thousand classes; `parts` is told how many there are."""
        return self.parts(sample, IMAGENET)[0]

    def parts(self, sample: Sample, classes: int) -> tuple[list[nn.Module], nn.Module | None]:
        self.hold_width()
        if sample.vocabulary:
            raise SeesawError(
                "This network takes images and no texts. Choose a task of images: `seesaw list task`."
            )
        prepare, taken = None, sample
        if self.size is not None and len(sample.shape) != 3:
            raise SeesawError(f"size= is for images, not for samples of shape {sample.shape}. Leave it out.")
        own = self._inputs or self.preprocessing()
        size = own.size if self.size is None and own is not None and len(sample.shape) == 3 else self.size
        if size is not None and (self.size is not None or sample.shape[1:] != (size, size)):
            taken = Sample((sample.shape[0], size, size), sample.dtype)
            prepare = Resize(size, "bilinear" if own is None else own.interpolation)
        made = capture(_built(lambda: self.module(taken, classes)), sample, self.cuts, prepare)
        if made.classes not in (None, classes):
            raise SeesawError(
                f"The network gives {made.classes} logits, and the task has {classes} classes. Build it for {classes}."
            )
        return made.stages, made.head


class Resize(nn.Module):
    """Images (N, C, H, W) to (N, C, size, size); bilinearly without going beyond the pixels' values.

    Args:
        size: height and width.
        interpolation: nearest or bilinear; bicubic for any other, such as lanczos, which PyTorch has not.
    """

    def __init__(self, size: int, interpolation: str = "bilinear") -> None:
        super().__init__()
        self.size = size
        self.mode = interpolation if interpolation in ("nearest", "bilinear") else "bicubic"

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, (self.size, self.size), mode=self.mode, antialias=self.mode != "nearest")


def _built(build: Callable[[], nn.Module]) -> nn.Module:
    """A network where one is asked for shapes alone too; some libraries' constructors look at numbers."""
    if torch.get_default_device().type != "meta":
        return build()
    try:
        return build()
    except NotImplementedError:  # "Cannot copy out of meta tensor; no data!"
        with torch.device("cpu"), torch.random.fork_rng():
            return on_meta(build())


class Given(Captured):
    """A module that somebody built, as a backbone."""

    _module: nn.Module = PrivateAttr()
    _sample: Sample = PrivateAttr()

    @property
    def example(self) -> Sample:
        return self._sample

    def module(self, sample: Sample, classes: int) -> nn.Module:
        if torch.get_default_device().type == "meta":
            return on_meta(self._module)
        return copy.deepcopy(self._module)


def backbone(module: nn.Module, sample: Sample, **settings: Any) -> Captured:
    """A backbone of any module: `assemble(backbone(module, sample), about, exits)` is a network with exits.

    Args:
        module: takes a batch (N, *sample.shape) and gives logits (N, classes). It stays as it is: networks get
            copies, weights and all.
        sample: form of one input.
        settings: `cuts` and `size`, as in a spec.

    Raises:
        SeesawError: its forward cannot be followed, its stages would answer otherwise than the whole, or `sample` is no form.
    """
    if not isinstance(sample, Sample):
        sizes = tuple(getattr(sample, "shape", (1, 3, 32, 32)))[1:]
        raise SeesawError(
            f"A sample is the form of one input, and no {type(sample).__name__}. Give bench.Sample({sizes}): its sizes without the batch."
        )
    made = Given(**settings)
    made._module, made._sample = module, sample
    made.parts(sample, _classes(module, sample, made.size))
    return made


def _classes(module: nn.Module, sample: Sample, size: int | None) -> int:
    twin = copy.deepcopy(module)
    prepare = None if size is None else Resize(size)
    return capture(twin, sample, None, prepare).classes or 0
