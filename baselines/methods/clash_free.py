"""Clash-free patterns: inputs lie in z memories, and every cycle reads each memory once, so no two reads clash.

Dey et al., "Pre-Defined Sparse Neural Networks with Hardware Acceleration", JETCAS 2019. Neuron a*z + m is in memory
m at address a. A sweep reads every input once, and a fan-out of f takes f sweeps; edges go to the outputs in order.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from bench import Predefined, SeesawError, Whole, degree, noise, over_kernels

DRAWS = 64


class ClashFree(Predefined):
    """Predefined clash-free patterns, types 1 to 3, with z memories and memory dither."""

    type: Literal[1, 2, 3] = 2
    """addresses of a memory: 1 any order, 2 from a new start on in every sweep, 3 from the same start in all sweeps"""
    z: Whole = 0
    """memories; it divides the inputs; 0 takes the divisor nearest to their square root"""
    dither: bool = False
    """whether the order of the memories is drawn anew in every sweep"""

    def mask(self, shape: Sequence[int], seed: int) -> Tensor:
        outputs, inputs = shape[:2]
        fan_out = degree.fan_out_of(inputs, outputs, self.density, nearest=self.nearest)
        z = self.z or min(
            (n for n in range(1, inputs + 1) if inputs % n == 0), key=lambda n: abs(n - inputs**0.5)
        )
        if inputs % z:
            raise SeesawError(
                f"{z} memories do not divide {inputs} inputs. Give z a divisor of every layer's inputs"
            )
        fan_in = inputs * fan_out // outputs
        for draw in range(DRAWS):
            edges = self.interleaved(inputs, fan_out, z, seed * DRAWS + draw)
            pairs = np.zeros((outputs, inputs), dtype=bool)
            pairs[np.arange(len(edges)) // fan_in, edges] = True
            if pairs.sum() == len(edges):  # an output that spans two sweeps may have met an input twice
                return over_kernels(torch.from_numpy(pairs), shape)
        raise SeesawError(
            f"No clash-free pattern without double edges was found between {inputs} inputs and {outputs} outputs "
            f"at fan-out {fan_out} with {z} memories. Give another z"
        )

    def interleaved(self, inputs: int, fan_out: int, z: int, seed: int) -> np.ndarray:
        """The input of every edge, int64 (inputs * fan_out,), in the order in which edges go to the outputs."""
        depth = inputs // z
        cycles, edges = np.arange(depth)[:, None], []
        for sweep in range(fan_out):
            start = noise(seed, 0 if self.type == 3 else sweep, z)
            if self.type == 1:
                drawn = np.stack([noise(seed, sweep * z + memory, depth) for memory in range(z)], axis=1)
                address = np.argsort(drawn, axis=0, kind="stable")
            else:
                address = ((start * depth).astype(np.int64) + cycles) % depth
            order = np.arange(z)
            if self.dither:
                order = np.argsort(noise(seed, fan_out * z + sweep, z), kind="stable")
            edges.append((address[:, order] * z + order).reshape(-1))
        return np.concatenate(edges)


def possible(inputs: int, fan_out: int, z: int, type: int) -> int:
    """How many clash-free patterns there are without dither (Dey et al. 2019, table I)."""
    depth = inputs // z
    return {1: math.factorial(depth) ** (z * fan_out), 2: depth ** (z * fan_out), 3: depth**z}[type]
