"""Method: how the weights get to be what they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.errors import SeesawError
from bench.kinds.backbone import Backbone
from bench.network.net import Net
from bench.network.sparse.mask import Layer, density, layers
from bench.plugins.plugin import Plugin

Density = Annotated[float, Field(gt=0, le=1)]
"""Share of the weights that exist, in (0, 1]."""


@dataclass
class Step:
    """The state of training when a hook is called.

    Attributes:
        net: the network; in `before_step` its gradients are dense, hidden weights included.
        optimizer: whose state a method may look at or change.
        index: number of this step since training began, from 0.
        progress: share of the budget's schedule done, from 0 to 1.
        cut: of the run, by the first stage of the server's part; None where it has none.
    """

    net: Net
    optimizer: torch.optim.Optimizer
    index: int
    progress: float
    cut: int | None = None
    dense_gradients: list[tuple[Layer, float]] = field(default_factory=list)
    """layers whose dense gradient a hook took in this step, with their density at that moment"""

    def dense_gradient(self, layer: Layer) -> Tensor:
        """The gradient of all of a layer's weights, hidden ones too, in `before_step`; training's MACs count it."""
        self.dense_gradients.append((layer, density(layer)))
        gradient = layer.weight.grad
        return torch.zeros_like(layer.weight) if gradient is None else gradient


Hook = Callable[[Step], None]


class Train(Protocol):
    """The training that the benchmark lends to a method, within one budget, and a look at the train split."""

    seed: int
    device: torch.device
    cut: int | None
    """the run's cut, by the first stage of the server's part; None where it has none"""

    def __call__(
        self,
        net: Net,
        share: float | None = None,
        *,
        before_step: Hook | None = None,
        after_step: Hook | None = None,
    ) -> None:
        """Train for a share of the budget, from where the schedule stands; None is all that is left.

        `before_step` runs between the gradients and the update, `after_step` after the update. Masks are kept
        by the benchmark: gradients and optimiser state of hidden weights are zero at every update. A method
        that changes a mask calls `hide` from a hook or between two calls.
        """
        ...

    def rewind(self, progress: float = 0.0) -> None:
        """Set the schedule back, to train a part of it again; what is trained twice counts twice as budget."""
        ...

    def batch(self, size: int | None = None) -> tuple[Tensor, Tensor]:
        """Inputs and labels from the train split without augmentation; the same for every call with one size."""
        ...

    def loss(self, net: Net, inputs: Tensor, labels: Tensor) -> Tensor:
        """The exits plan's loss, a scalar."""
        ...


class Method(Plugin):
    """The contract: define `fit`, or, for simple methods, one of the hooks that the default `fit` calls.

    As it stands this class is the dense method: no weight is hidden.
    """

    kind: ClassVar[str] = "method"

    @property
    def sided(self) -> bool:
        """Whether the method treats the device's and the server's part differently, and so needs the cut."""
        return False

    def fit(self, net: Net, train: Train) -> None:
        """Make the network's weights: mask, train, prune, rewind, in the order of the paper's pseudo-code."""
        self.prepare(net, train)
        train(net, after_step=self.after_step if overrides(self, "after_step") else None)
        self.finalize(net, train)

    def prepare(self, net: Net, train: Train) -> None:
        """Before training: choose masks."""

    def after_step(self, step: Step) -> None:
        """After every update."""

    def finalize(self, net: Net, train: Train) -> None:
        """After training."""

    def reshape(self, backbone: Backbone, build: Callable[[Backbone], Net]) -> Backbone:
        """The backbone to build instead of the run's, for methods that change widths.

        Args:
            backbone: of the run.
            build: gives a backbone's whole network with its heads, on the meta device (shapes, no numbers).
        """
        return backbone

    def replace(self, net: Net, cut: int | None = None) -> None:
        """Put other layers in place of some that were just built, for methods that factor or re-wire them.

        Args:
            net: just built, with its heads.
            cut: of the run, if it has one.

        Also called where a trained network is built again for its weights, so it may look at shapes alone.
        """


def overrides(method: Method, name: str) -> bool:
    """Whether a method defines a hook itself."""
    return getattr(type(method), name) is not getattr(Method, name)


def maskable(
    net: Net,
    *,
    heads: bool = False,
    where: Literal["device", "server"] | None = None,
    cut: int | None = None,
) -> dict[str, Layer]:
    """The layers that methods make sparse: linear layers and convolutions of the stages.

    Left dense, as in the literature: the first convolution, grouped and depthwise convolutions, and the heads
    (unless `heads`). Biases and normalisation are never masked.

    Args:
        net: whose layers.
        heads: the heads' layers too.
        where: only those of the device's part, or of the server's; None is both.
        cut: that parts the two, by the first stage of the server's part.

    Raises:
        SeesawError: the network has no such layer; or `where` names a side and the run no cut, or that side has none.
    """
    candidates = {f"stages.{name}": layer for name, layer in layers(net.stages).items()}
    first = next(iter(candidates), None)
    if first is not None and not isinstance(candidates[first], nn.Linear):
        del candidates[first]
    if heads:
        candidates |= {f"heads.{name}": layer for name, layer in layers(net.heads).items()}
    candidates = {name: layer for name, layer in candidates.items() if getattr(layer, "groups", 1) == 1}
    if not candidates:
        raise SeesawError(
            "The network has no layer that a method makes sparse: its first convolution, grouped convolutions"
            f"{'' if heads else ' and heads'} stay dense. Choose a network with more layers, or the method dense."
        )
    if where is None:
        return candidates
    if cut is None:
        raise SeesawError(
            f"where={where} needs to know the cut. Name it: --cut K (CUT=K), from 1 to {len(net.stages) - 1}."
        )
    side = {
        name: layer for name, layer in candidates.items() if (stage_of(name) < cut) == (where == "device")
    }
    if not side:
        raise SeesawError(
            f"where={where} finds no layer to make sparse on that side of cut {cut}. Name another cut, or leave where out."
        )
    return side


def stage_of(name: str) -> int:
    """The stage that a layer lies in, or that its head hangs on, by the layer's name in the net."""
    return int(name.split(".")[1])
