"""Predefined: methods whose pattern is chosen before training, by a rule that anyone can follow again."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, Self

import torch
from torch import Tensor

from bench.errors import Infeasible, SeesawError
from bench.kinds.bases.masking import Masking
from bench.kinds.method import Density, Method, Train, maskable
from bench.network.net import Net
from bench.network.seeds import derived_seed
from bench.network.sparse.densities import by_layer
from bench.network.sparse.mask import Layer, hide
from bench.plugins.plugin import announced_spec, choose, usual
from bench.plugins.spec import names_draft

KEPT = 1 << 22
"""Masks of at most so many weights are kept for the next time: packing makes each of them many times."""


class Predefined(Masking):
    """The contract: `mask` gives one layer's pattern; the default `prepare` lays one over every sparse layer.

    A packed file holds no index of such a layer, only the method's spec and a seed. So `mask` must give equal
    patterns for equal arguments on every machine and in every version: draw with `bench.seeded_noise`, which
    never changes.
    """

    density: Density = 0.125
    """share of the weights that exist, in every sparse layer"""
    layers: Annotated[Literal["erk"] | None, usual("uniform")] = None
    """uniform: every layer has the density; erk: small layers keep more (Erdos-Renyi-Kernel)"""
    nearest: bool = False
    """whether a layer may take its nearest feasible density where `density` is not feasible"""
    heads: bool = False
    """whether classifiers are sparse too"""

    def mask(self, shape: Sequence[int], seed: int) -> Tensor:
        """One layer's pattern.

        Args:
            shape: of the weight, (N_out, N_in) or (N_out, N_in, height, width).
            seed: of this layer: the run's seed times 1000, plus the layer's number from the input on.

        Returns:
            Boolean, of that shape.

        Raises:
            Infeasible: the density is not feasible for this shape; it names the nearest that are.
        """
        raise NotImplementedError(f"{type(self).__name__} must define mask(shape, seed)")

    def sparse(self, net: Net, cut: int | None = None) -> dict[str, Layer]:
        return maskable(net, heads=self.heads, where=self.where, cut=cut)

    def prepare(self, net: Net, train: Train) -> None:
        """Lay the pattern over every sparse layer."""
        numbers = {name: number for number, name in enumerate(maskable(net, heads=self.heads))}
        sparse = self.sparse(net, train.cut)
        shapes = [tuple(layer.weight.shape) for layer in sparse.values()]
        densities = by_layer(self.layers or "uniform", shapes, self.density)
        for (name, layer), density in zip(sparse.items(), densities, strict=True):
            try:
                self.with_density(density).lay(name, layer, derived_seed(train.seed, 1000, numbers[name]))
            except Infeasible as error:
                raise SeesawError(f"{name}: {error}. {self._advice(shapes)}") from error

    def _advice(self, shapes: Sequence[Sequence[int]]) -> str:
        """The advice for a density that some layer does not have."""
        common = [] if self.layers else [self._common(shapes, pick) for pick in (max, min)]
        densities = " or ".join(f"{density:g}" for density in common if density is not None)
        ask = f"All layers have {densities}: ask for that, or let" if densities else "Let"
        return f"{ask} every layer take its nearest: nearest=true."

    def _common(self, shapes: Sequence[Sequence[int]], pick: Callable[[list[float]], float]) -> float | None:
        """The nearest density that all layers have, below (`pick` is max) or above (min); None if none is."""
        density, previous = self.density, None
        while density != previous:
            previous = density
            for shape in dict.fromkeys(map(tuple, shapes)):
                try:
                    self.with_density(density).mask(shape, 0)
                except Infeasible as error:
                    near = [one for one in error.near if pick([one, density]) != one]
                    if not near:
                        return None
                    density = pick(near)
        return density

    def with_density(self, density: float, **settings: object) -> Self:
        """The same method for one layer: settings that concern several layers have their defaults."""
        defaults = {name: type(self).model_fields[name].default for name in ("layers", "where")}
        return self.model_copy(update={"density": density, **defaults, **settings})

    def lay(self, name: str, layer: Layer, seed: int) -> None:
        """Lay the pattern over one layer, and note how to make it again.

        Raises:
            Infeasible: the layer does not have this density.
            SeesawError: it has no such pattern for another reason.
        """
        try:
            mask = self.mask(tuple(layer.weight.shape), seed)
        except Infeasible:
            raise
        except SeesawError as error:
            raise SeesawError(f"{name}: {error}") from error
        if not bool(mask.all()):
            spec = announced_spec(self)
            hide(layer, mask, None if spec is None else f"{spec}@{seed}")


def mask_from(pattern: str, shape: Sequence[int]) -> Tensor:
    """The mask that a line `spec@seed` stands for, as `Predefined.lay` notes it.

    Only announced methods are used: the line may be a stranger's, and must run no file of theirs.

    Raises:
        SeesawError: no such method here, or it makes no such mask.
    """
    shape = tuple(shape)
    return _made(pattern, shape).clone() if math.prod(shape) <= KEPT else _made.__wrapped__(pattern, shape)


@functools.lru_cache(maxsize=32)
def _made(pattern: str, shape: tuple[int, ...]) -> Tensor:
    spec, _, seed = pattern.rpartition("@")
    if not seed.isdecimal() or names_draft(spec):
        raise SeesawError(f"{pattern!r} is no pattern: write spec@seed. Pack the network again.")
    method = choose(Method, spec).plugin
    if not isinstance(method, Predefined):
        raise SeesawError(f"{spec} is no predefined method, so it makes no pattern. Pack the network again.")
    mask = method.mask(shape, int(seed))
    if mask.shape != torch.Size(shape) or mask.dtype != torch.bool:
        raise SeesawError(f"{pattern!r} gives no mask of shape {shape}. Pack the network again.")
    return mask


def over_kernels(pairs: Tensor, shape: Sequence[int]) -> Tensor:
    """Spread a mask of channel pairs, (N_out, N_in), to a weight's shape: kernels exist whole or not."""
    return pairs.reshape(*pairs.shape, *[1] * (len(shape) - 2)).expand(*shape).clone()
