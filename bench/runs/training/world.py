"""World: the processes that train one network together, as one of them sees it.

All of them run the same program on shares of every step's samples. What must not differ is made equal here: weights,
masks and buffers follow those of rank 0 at the start of every call of `train` and wherever a hook has changed a mask;
random numbers are drawn alike by all, but for those of the forward pass; and at the end of every call all networks are
held against each other, number for number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from bench.errors import SeesawError
from bench.network.seeds import derived_seed
from bench.network.sparse import mask
from bench.network.sparse.mask import MASK, hide, layers, mask_of, pattern_of, reveal
from bench.records.layout import ALONE, Layout
from bench.runs.training.checkpoint import random_state, set_random_state


@dataclass(frozen=True)
class World:
    """The processes of a training, which have joined a group (`torch.distributed`) where they are several.

    Attributes:
        layout: of the training.
        rank: number of this process.
    """

    layout: Layout = ALONE
    rank: int = 0

    @property
    def size(self) -> int:
        """How many processes there are."""
        return self.layout.size

    @property
    def is_alone(self) -> bool:
        """Whether this process trains by itself."""
        return self.size == 1

    @property
    def writes(self) -> bool:
        """Whether this process writes checkpoints and reports."""
        return self.rank == 0

    def share(self, rows: Tensor, batch: int) -> Tensor:
        """The samples of several steps that this process trains on: an equal share of each step, in the steps' order.

        Args:
            rows: of the samples, (steps * batch,).
            batch: samples of a step over all processes.
        """
        if self.is_alone:
            return rows
        own = batch // self.size
        return rows.reshape(-1, batch)[:, self.rank * own : (self.rank + 1) * own].flatten()

    def total(self, values: Sequence[float] | Tensor, device: torch.device) -> list[float]:
        """Sums over all processes, each counted in float64."""
        sums = torch.as_tensor(values).to(device=device, dtype=torch.float64)
        if not self.is_alone:
            dist.all_reduce(sums)
        return sums.tolist()

    def of_first(self, value: Any) -> Any:
        """The value that rank 0 has."""
        if self.is_alone:
            return value
        held = [value]
        dist.broadcast_object_list(held, src=0)
        return held[0]

    def any(self, value: bool, device: torch.device) -> bool:
        """Whether it holds in any process."""
        if self.is_alone:
            return value
        flag = torch.tensor([int(value)], device=device)
        dist.all_reduce(flag, op=dist.ReduceOp.MAX)
        return bool(flag.item())

    def agree(self, net: nn.Module) -> None:
        """Give a network the masks, weights and buffers of rank 0's, and the random generators rank 0's state.

        Raises:
            SeesawError: the processes' networks have other parts.
        """
        if self.is_alone:
            return
        self._agree_on_masks(net)
        own = net.state_dict()
        names = self.of_first(list(own))
        if self.any(names != list(own), _device_of(net)):
            raise SeesawError(
                "The processes' networks came to have different parts. Let the method add its parts alike in every process."
            )
        for tensor in own.values():
            _broadcast(tensor)
        state = random_state()
        for tensor in state.values():
            held = tensor.to(_device_of(net))
            dist.broadcast(held, src=0)
            tensor.copy_(held)
        set_random_state(state)

    def _agree_on_masks(self, net: nn.Module) -> None:
        for name, layer in layers(net).items():
            own = mask_of(layer)
            exists = self.of_first(None if own is None else pattern_of(layer) or "")
            if exists is None:
                reveal(layer)
                continue
            held = torch.ones_like(layer.weight, dtype=torch.bool) if own is None else own.clone()
            _broadcast(held)
            if own is None or not torch.equal(held, own) or (pattern_of(layer) or "") != exists:
                hide(layer, held, exists or None)
            assert mask_of(layer) is not None, name

    def after_hook(self, net: nn.Module, changes: int) -> None:
        """Let all processes agree where a hook of one of them has changed a mask.

        Args:
            net: in training.
            changes: of masks, before the hook (`bench.network.sparse.mask.changes`).
        """
        if not self.is_alone and self.any(mask.changes != changes, _device_of(net)):
            self.agree(net)

    def mean_statistics(self, net: nn.Module) -> None:
        """Let running statistics be the mean of all processes', each of which has seen its share of the samples."""
        if self.is_alone:
            return
        for name, buffer in net.named_buffers():
            if buffer.is_floating_point() and name.rpartition(".")[2] != MASK:
                total = buffer.detach().clone()
                dist.all_reduce(total)
                buffer.copy_(total / self.size)

    def hold_equal(self, net: nn.Module) -> None:
        """See that all processes have the same network.

        Raises:
            SeesawError: two differ; the sentence names a tensor.
        """
        if self.is_alone:
            return
        own = {name: _digest(tensor) for name, tensor in net.state_dict().items()}
        first = self.of_first(own)
        apart = [name for name in {**first, **own} if first.get(name) != own.get(name)]
        if self.any(bool(apart), _device_of(net)):
            where = f" (here in {apart[0]})" if apart else ""
            raise SeesawError(
                f"The networks of the {self.size} processes came apart{where}: what the method does between steps differs "
                "from process to process. Train on one device, or let it draw from PyTorch's generators alone."
            )

    @contextmanager
    def own_draws(self, seed: int, step: int) -> Iterator[None]:
        """Within it, random numbers are this process's own; afterwards the generators stand as all processes' do."""
        if self.is_alone:
            yield
            return
        state = random_state()
        torch.manual_seed(derived_seed(seed, 1_000_003, step * self.size + self.rank))
        try:
            yield
        finally:
            set_random_state(state)

    def arithmetic(self, device: torch.device) -> Any:
        """A context in which forward passes compute in the layout's numbers."""
        if self.layout.precision is None:
            return nullcontext()
        return torch.autocast(device.type, dtype=torch.bfloat16)

    def barrier(self) -> None:
        """Wait for all processes."""
        if not self.is_alone:
            dist.barrier()


def _device_of(net: nn.Module) -> torch.device:
    return next(net.parameters()).device


def _broadcast(tensor: Tensor) -> None:
    """Give a tensor rank 0's numbers, whatever layout it has in memory."""
    values = tensor.detach()
    held = values.to(torch.uint8).contiguous() if values.dtype == torch.bool else values.contiguous()
    held = held.clone() if held is values else held
    dist.broadcast(held, src=0)
    values.copy_(held)


def _digest(tensor: Tensor) -> str:
    numbers = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return hashlib.sha256(numbers.numpy().tobytes()).hexdigest()
