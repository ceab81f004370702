"""Memory: the most bytes of activations alive at once."""

from __future__ import annotations

import weakref

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench.kinds.meter import Measurement, Meter, Subject
from bench.network.net import Part
from bench.records.reading import Reading


class Memory(Meter):
    """Peak activation bytes, input included, weights not, to each exit and of each device part; batch 1."""

    def measure(self, subject: Subject) -> Measurement:
        """Run each part eagerly and follow every storage from its making to its end."""
        net, measurement = subject.net, Measurement()
        x = net.sample.blank(device=subject.device)
        parts = {k: Part(net, 0, k) for k in range(1, len(net.stages) + 1)}
        for number, stage in enumerate(net.exits):
            measurement.exits[number] = {"memory": _reading(peak(parts[stage + 1], x, heads=True))}
        for k, part in parts.items():
            measurement.cuts[k] = {"memory.device": _reading(peak(part, x))}
        return measurement


def _reading(value: int) -> Reading:
    return Reading(value=value, unit="B", source="storages alive in eager execution, batch 1")


class _Alive(TorchDispatchMode):
    """The bytes of all storages made by operators and still alive: now, and at most so far."""

    def __init__(self, keys: set[int], start: int) -> None:
        super().__init__()
        self.keys, self.now, self.most = keys, start, start

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Of PyTorch's base: it would import the compiler (1.3 s) to keep it away from what nobody compiles."""
        return False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self._add(leaf.untyped_storage())
        return out

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self.keys:
            self.keys.add(key)
            self.now += size
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        self.keys.discard(key)
        self.now -= size


def peak(part: Part, x: Tensor, *, heads: bool = False) -> int:
    """The most bytes of activations alive at once while a part runs on x, x included, with `heads` or not."""
    fixed = [*part.parameters(), *part.buffers(), x]
    mode = _Alive({tensor.untyped_storage()._cdata for tensor in fixed}, x.untyped_storage().nbytes())
    with torch.no_grad(), mode:
        part.answers(x) if heads else part(x)
    return mode.most
