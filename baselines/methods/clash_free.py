"""Clash-free patterns: inputs lie in z memories, and every cycle reads each memory once, so no two reads clash.

Dey et al., "Pre-Defined Sparse Neural Networks with Hardware Acceleration", JETCAS 2019. Neuron a*z + m is in
memory m at address a. A sweep reads every input once, and a fan-out of f takes f sweeps; edges go to the
outputs in order.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from bench import Predefined, SeesawError, Whole, degree, over_kernels, seeded_noise


class ClashFree(Predefined):
    """Predefined clash-free patterns, types 1 to 3, with z memories and memory dither."""

    type: Literal[1, 2, 3] = 2
    """addresses of a memory: 1 any order, 2 from a new start on in every sweep, 3 from the same start in all sweeps"""
    z: Whole = 0
    """memories; it divides the inputs; 0 takes the divisor nearest to their square root"""
    dither: bool = False
    """whether the order of the memories is drawn too: anew in every sweep, of type 3 once for all sweeps"""

    def mask(self, shape: Sequence[int], seed: int) -> Tensor:
        outputs, inputs = shape[:2]
        fan_out = degree.fan_out_of(inputs, outputs, self.density, nearest=self.nearest)
        z = self.z or min(
            (n for n in range(1, inputs + 1) if inputs % n == 0), key=lambda n: abs(n - inputs**0.5)
        )
        if inputs % z:
            raise SeesawError(
                f"{z} memories do not divide {inputs} inputs. Give z a divisor of every layer's inputs."
            )
        edges = self.interleaved(inputs, fan_out, z, seed, fan_in=inputs * fan_out // outputs)
        pairs = np.zeros((outputs, inputs), dtype=bool)
        pairs[np.arange(len(edges)) // (len(edges) // outputs), edges] = True
        if pairs.sum() < len(edges):
            raise SeesawError(
                f"Dither with {z} memories leaves no clash-free pattern without double edges between {inputs} inputs and "
                f"{outputs} outputs at fan-out {fan_out}. Leave dither out, or give another z."
            )
        return over_kernels(torch.from_numpy(pairs), shape)

    def interleaved(self, inputs: int, fan_out: int, z: int, seed: int, fan_in: int = 1) -> np.ndarray:
        """The input of every edge, int64 (inputs * fan_out,), in the order in which edges go to the outputs.

        An output whose edges span two sweeps must not meet an input twice: where the drawn addresses of the
        second sweep would begin with inputs that it has from the first, they are changed.
        """
        depth, edges = inputs // z, np.empty(0, dtype=np.int64)
        for sweep in range(fan_out):
            order = np.arange(z)
            if self.dither:
                drawn = 0 if self.type == 3 else sweep
                order = np.argsort(seeded_noise(seed, fan_out * z + drawn, z), kind="stable")
            begun = edges[len(edges) - len(edges) % fan_in :]  # of the output that this sweep completes
            missing = -len(edges) % fan_in
            address = np.empty((depth, z), dtype=np.int64)
            for place, memory in enumerate(order.tolist()):
                taken = begun[begun % z == memory] // z
                first = len(range(place, missing, z))  # cycles of this memory that complete that output
                address[:, place] = self._addresses(depth, sweep, memory, z, seed, set(taken.tolist()), first)
            edges = np.concatenate([edges, (address * z + order).reshape(-1)])
        return edges

    def _addresses(
        self, depth: int, sweep: int, memory: int, z: int, seed: int, taken: set[int], first: int
    ) -> np.ndarray:
        """The order in which a sweep reads a memory; the `first` first addresses are not among `taken`."""
        if self.type == 1:
            drawn = seeded_noise(seed, sweep * z + memory, depth)
            late = (
                np.isin(np.arange(depth), list(taken))
                if set(np.argsort(drawn)[:first].tolist()) & taken
                else 0
            )
            return np.argsort(drawn + late, kind="stable")
        start = int(seeded_noise(seed, 0 if self.type == 3 else sweep, z)[memory] * depth)
        cycles = np.arange(depth)
        turns = (n for n in range(depth) if not taken & {(start + n + c) % depth for c in range(first)})
        return (start + next(turns, 0) + cycles) % depth


def possible(inputs: int, fan_out: int, z: int, type: int, fan_in: int | None = None) -> int:
    """How many clash-free patterns there are (Dey et al. 2019, table I); with dither where the fan-in is given.

    Of the z! orders of the memories only those are counted apart that give some output other memories.
    """
    depth, orders = inputs // z, 1
    if fan_in is not None:
        if z % fan_in and fan_in % z:
            raise SeesawError(
                f"There is no count for {z} memories at fan-in {fan_in}: neither divides the other."
            )
        orders = math.factorial(z) // math.factorial(fan_in) ** (z // fan_in) if fan_in < z else 1
    per_sweep = {1: math.factorial(depth) ** z, 2: depth**z, 3: depth**z}[type] * orders
    return per_sweep if type == 3 else per_sweep**fan_out
