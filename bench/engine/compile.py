"""Compiling: the steps of a chain, made from a tape.

Batch normalisation is folded into the layer before it, additions and activations become the end of a layer, and what
only moves numbers (views, slices, permutations, paddings) becomes other places to read from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.engine.layout import ABSENT, Buffer, Room, grid_of
from bench.engine.program import Affine, Each, Input, Output, Program, Step, Zero
from bench.engine.supports import Group, groups_of
from bench.engine.tape import Call, Ref, Tape
from bench.errors import SeesawError
from bench.sparse import degree


class Unsupported(SeesawError):
    """The network does something that no step does; it is then executed as PyTorch executes it."""


def _no(what: str) -> Unsupported:
    return Unsupported(f"No native step {what}, so PyTorch's kernels run this network.")


@dataclass
class Pending:
    """A layer that may still take in what follows it: a scale, an addition, bounds."""

    layer: Affine
    shape: tuple[int, ...]
    row: int = 0
    """floats between the rows of the image it reads; 0 where it reads none"""
    stride: tuple[int, int] = (1, 1)
    bounded: bool = False


Value = np.ndarray
"""The places of a tensor's numbers, with a batch of 1."""

MOVES = {
    "view", "_unsafe_view", "reshape", "t", "permute", "transpose.int", "slice.Tensor", "select.int", "unsqueeze",
    "squeeze", "squeeze.dim", "squeeze.dims", "expand", "cat", "flatten.using_ints", "unflatten.int", "index.Tensor",
    "index_select", "constant_pad_nd", "flip", "unbind.int", "alias", "detach",
}  # fmt: skip
INDEXED = {"index.Tensor", "index_select"}
"""Moves that take tensors of indices."""
SAME = {"clone", "_to_copy", "contiguous", "lift_fresh", "native_dropout"}


def program_of(tape: Tape, lanes: int) -> Program:
    """The steps that do what a tape says, on blocks of so many samples.

    Raises:
        Unsupported: an operator that no step does.
    """
    return _Compiler(tape, lanes).program()


class _Compiler:
    def __init__(self, tape: Tape, lanes: int) -> None:
        self.tape, self.lanes = tape, lanes
        self.room = Room(lanes)
        self.steps: list[Step] = []
        self.uses = tape.uses()
        self.values: dict[int, Value | Pending] = {}
        self.pad = max((max(_pair(c.args[4])) for c in tape.calls if c.name == "convolution"), default=0)

    def program(self) -> Program:
        _, places = self._made(self.tape.sample)
        self.steps.append(Input(places.reshape(-1)))
        self.values[0] = places[None]
        for call in self.tape.calls:
            self.values[call.out] = self._call(call)
        for n, number in enumerate(self.tape.answers):
            places = self.value(Ref(number)).reshape(-1)
            if (places == ABSENT).any():
                places = self._copied(places)
            self.steps.append(Output(n, places))
        counts = [math.prod(shape) for shape in self.tape.shapes]
        return Program(self.steps, self.room, counts, self.tape.shapes)

    def _call(self, call: Call) -> Value | Pending:
        if call.name in SAME:
            return self.value(call.args[0])
        if call.name in MOVES:
            return self._moved(call)
        handle: Callable[[Call], Value | Pending] | None = {
            "convolution": self._convolution,
            "addmm": lambda c: self._linear(c, c.args[1], c.args[2], c.args[0]),
            "mm": lambda c: self._linear(c, c.args[0], c.args[1], None),
            "native_batch_norm": self._normalised,
            "_native_batch_norm_legit_no_training": self._normalised,
            "cudnn_batch_norm": self._normalised,
            "add.Tensor": self._sum,
            "add_.Tensor": self._sum,
            "relu": lambda c: self._bounded(c, 0.0, math.inf),
            "relu_": lambda c: self._bounded(c, 0.0, math.inf),
            "hardtanh": lambda c: self._bounded(c, *_bounds(c, -1.0, 1.0)),
            "hardtanh_": lambda c: self._bounded(c, *_bounds(c, -1.0, 1.0)),
            "clamp": lambda c: self._bounded(c, *_bounds(c, None, None)),
            "mean.dim": self._mean,
            "_adaptive_avg_pool2d": self._adaptive,
            "avg_pool2d": self._average,
            "max_pool2d_with_indices": self._largest,
        }.get(call.name)
        if handle is None:
            raise _no(f"does {call.name}")
        return handle(call)

    # values

    def value(self, ref: Ref) -> Value:
        """A result's places; a layer that was still pending becomes a step."""
        found = self.values[ref.number]
        if isinstance(found, Pending):
            found = self.values[ref.number] = self._emit(found)
        return found

    def own(self, ref: Ref) -> Pending | None:
        """The pending layer behind a result that nothing else uses, so that it may be changed."""
        found = self.values[ref.number]
        return found if isinstance(found, Pending) and self.uses[ref.number] == 1 else None

    def _made(self, shape: tuple[int, ...], row: int = 0) -> tuple[Buffer, np.ndarray]:
        """A buffer for a tensor, with zeros around it where it is an image."""
        if len(shape) != 3:
            buffer, places = self.room.vector(math.prod(shape))
            return buffer, places.reshape(shape)
        buffer, places = self.room.image(*shape, self.pad, row)
        assert buffer.image is not None
        if self.pad:
            self.steps.append(Zero(buffer, _edges(buffer, self.lanes)))
        return buffer, places

    def _copied(self, places: np.ndarray) -> np.ndarray:
        """The same numbers in a buffer of their own."""
        _, to = self._made(places.shape)
        self.steps.append(Each(to.reshape(-1), places.reshape(-1, 1)))
        return to

    def _moved(self, call: Call) -> Value:
        if call.name == "constant_pad_nd":
            value = call.args[2] if len(call.args) > 2 else 0
            if value != 0:
                raise _no(f"pads with {value}")
            places = torch.from_numpy(self.value(call.args[0]))
            return torch.nn.functional.pad(places, list(call.args[1]), value=ABSENT).numpy()
        if "view" in call.name:
            return self.value(call.args[0]).reshape(call.shape)
        if call.name not in INDEXED and _tensors((call.args, call.kwargs)):
            raise _no("joins results with constants")
        result = call.function(*self._places(call.args), **self._places(call.kwargs))
        if not isinstance(result, Tensor):
            raise _no(f"gives a list ({call.name})")
        return result.numpy()

    def _places(self, value: Any) -> Any:
        if isinstance(value, Ref):
            return torch.from_numpy(self.value(value))
        if isinstance(value, (tuple, list)):
            return type(value)(self._places(part) for part in value)
        return {k: self._places(v) for k, v in value.items()} if isinstance(value, dict) else value

    def _emit(self, pending: Pending) -> Value:
        """Give a layer its place to write to, and make it a step."""
        layer, lanes = pending.layer, self.lanes
        buffer, places = self._made(pending.shape, pending.row if lanes == 1 else 0)
        layer.out = int(places.reshape(-1)[0])
        image = buffer.image
        if image is None or pending.row == 0:
            layer.out_row = lanes
            if image is not None:
                return self._scattered(pending, places)
        else:
            layer.out_row = image.channel
            self._runs(layer, pending, image.row)
        self.steps.append(layer)
        return places[None]

    def _scattered(self, pending: Pending, places: np.ndarray) -> Value:
        """A layer whose rows are numbers of an image: written as a vector, then moved."""
        layer = pending.layer
        _, flat = self.room.vector(len(layer.bias))
        layer.out = int(flat[0])
        self.steps += [layer, Each(places.reshape(-1), flat.reshape(-1, 1))]
        return places[None]

    def _runs(self, layer: Affine, pending: Pending, row: int) -> None:
        """How the runs of a convolution lie: one over the whole image, one a row, or one a pixel."""
        _, height, width = pending.shape
        lanes, (down, across) = self.lanes, pending.stride
        if pending.stride == (1, 1) and pending.row == row and lanes == 1:
            layer.length = (height - 1) * row + width
            if row > width:
                layer.keep = np.arange(layer.length) % row < width
        elif across == 1:
            layer.outer, layer.length = height, width * lanes
            layer.in_outer, layer.out_outer = down * pending.row, row
        else:
            layer.outer, layer.inner, layer.length = height, width, lanes
            layer.in_outer, layer.out_outer = down * pending.row, row
            layer.in_inner, layer.out_inner = across * lanes, lanes

    # layers

    def _weights(self, weight: Tensor) -> tuple[np.ndarray, np.ndarray | None]:
        """A weight as rows, and which of its numbers exist."""
        mask = self.tape.masks.get(weight.data_ptr())
        rows = weight.detach().float().cpu().numpy().reshape(len(weight), -1)
        return rows, None if mask is None else mask.cpu().numpy().reshape(len(weight), -1)

    def _linear(self, call: Call, x: Ref, transposed: Tensor, bias: Tensor | None) -> Pending:
        if not isinstance(x, Ref) or not isinstance(transposed, Tensor):
            raise _no("multiplies two results")
        value = self.value(x)
        if len(value) != 1:
            raise _no("maps the parts of a sequence")
        weight, mask = self._weights(transposed.t())
        columns = value.reshape(-1)
        layer = Affine(groups_of(weight, mask), columns, _bias(bias, len(weight)), length=self.lanes)
        straight = np.array_equal(columns, columns[0] + np.arange(len(columns)) * self.lanes)
        if (
            mask is not None
            and straight
            and self.lanes == 1
            and (offsets := degree.offsets_of(mask)) is not None
        ):
            layer.ring = (offsets, math.gcd(*weight.shape))
        return Pending(_present(layer), (len(weight),))

    def _convolution(self, call: Call) -> Pending:
        x, weight, bias, stride, padding, dilation, transposed, _, parts = call.args
        if transposed or not isinstance(x, Ref):
            raise _no("is a transposed convolution")
        places = self.value(x)[0]
        shape = call.shape[1:]
        if places[0].size == 1 and math.prod(weight.shape[2:]) == 1 and not any(padding):
            groups = self._kernels(weight, parts)
            layer = Affine(groups, places.reshape(-1), _bias(bias, len(weight)), length=self.lanes)
            return Pending(_present(layer), shape)
        if places.ndim != 3:
            raise _no("is a 1-D convolution")
        (down, across), (top, left), (tall, wide) = map(_pair, (stride, padding, dilation))
        kernel = weight.shape[2:]
        taps = [(y * tall - top, x * wide - left) for y in range(kernel[0]) for x in range(kernel[1])]
        phased = self.lanes == 1 and (down, across) != (1, 1)
        if phased:
            columns, row = self._phases(places, taps, (down, across), shape)
        else:
            first, row = self._padded(places, max(top, left))
            columns = np.add.outer(first, [y * row + x * self.lanes for y, x in taps]).reshape(-1)
        layer = Affine(self._kernels(weight, parts), columns, _bias(bias, len(weight)))
        return Pending(_present(layer), shape, row, (1, 1) if phased else (down, across))

    def _kernels(self, weight: Tensor, parts: int) -> list[Group]:
        """The groups of a convolution's rows over columns (channel, tap)."""
        rows, mask = self._weights(weight)
        high, wide = len(rows) // parts, rows.shape[1]
        groups = []
        for part in range(parts):
            span = slice(part * high, (part + 1) * high)
            groups += [
                Group(g.rows + part * high, g.columns + part * wide, g.values)
                for g in groups_of(rows[span], None if mask is None else mask[span])
            ]
        return groups

    def _padded(self, places: np.ndarray, pad: int) -> tuple[np.ndarray, int]:
        """First places of every channel, and floats between rows, of an image with zeros around it."""
        for _ in range(2):
            numbers = self.room.of(places[:, 0, 0])
            images = [
                self.room.buffers[n].image if place >= 0 else None
                for n, place in zip(numbers, places[:, 0, 0], strict=True)
            ]
            rows = {image.row for image in images if image is not None}
            grid = grid_of(places, self.lanes, next(iter(rows), 0))
            if (
                grid is not None
                and None not in images
                and rows == {grid.row}
                and (
                    pad == 0
                    or all(
                        self._within(place, self.room.buffers[n], places.shape)
                        for n, place in zip(numbers, grid.first, strict=True)
                    )
                )
            ):
                return grid.first, grid.row
            places = self._copied(places)
        raise AssertionError("an image was copied to no image")

    def _within(self, place: int, buffer: Buffer, shape: tuple[int, ...]) -> bool:
        """Whether a channel is the whole image of a buffer, zeros around it and all."""
        image = buffer.image
        assert image is not None
        inside = (place - buffer.base) % image.channel
        return inside == image.pad * (image.row + self.lanes) and (image.height, image.width) == shape[1:]

    def _phases(
        self,
        places: np.ndarray,
        taps: Sequence[tuple[int, int]],
        stride: tuple[int, int],
        shape: Sequence[int],
    ) -> tuple[np.ndarray, int]:
        """An image parted into those that every `stride`-th row and column see, so that strides become 1.

        Returns:
            Places of the columns (channel, tap), and floats between rows.
        """
        channels, height, width = places.shape
        (down, across), (_, rows, columns) = stride, shape
        phases = sorted({(y % down, x % across) for y, x in taps})
        low = min(0, *(y // down for y, _ in taps)), min(0, *(x // across for _, x in taps))
        tall = rows + max(y // down for y, _ in taps) - low[0]
        wide = columns + max(x // across for _, x in taps) - low[1]
        row = max(wide, columns + 2 * self.pad)
        buffer = self.room.buffer(channels * len(phases) * tall * row)
        to = buffer.base + np.arange(channels * len(phases) * tall * row).reshape(channels, -1, tall, row)
        come = np.full(to.shape, ABSENT)
        for n, (y, x) in enumerate(phases):
            at_y, at_x = (np.arange(tall) + low[0]) * down + y, (np.arange(wide) + low[1]) * across + x
            in_y, in_x = (at_y >= 0) & (at_y < height), (at_x >= 0) & (at_x < width)
            come[:, n, np.flatnonzero(in_y)[:, None], np.flatnonzero(in_x)] = places[
                :, at_y[in_y][:, None], at_x[in_x]
            ]
        self.steps.append(Each(to.reshape(-1), come.reshape(-1, 1)))
        of_tap = [
            to[:, phases.index((y % down, x % across)), y // down - low[0], x // across - low[1]]
            for y, x in taps
        ]
        return np.stack(of_tap, 1).reshape(-1), row

    def _normalised(self, call: Call) -> Pending:
        x, weight, bias, mean, var = call.args[:5]
        eps = call.args[-1]
        if mean is None or var is None:
            raise _no("normalises by the statistics of a batch")
        scale = (torch.rsqrt(var + eps) if weight is None else weight * torch.rsqrt(var + eps)).detach()
        shift = (-mean * scale if bias is None else bias - mean * scale).detach()
        scale, shift = scale.float().cpu().numpy(), shift.float().cpu().numpy()
        pending = self.own(x)
        if pending is None or pending.bounded or pending.layer.more is not None:
            pending = self._diagonal(self.value(x))
        layer = pending.layer
        scale, shift = (
            np.repeat(one, len(layer.bias) // len(one)) for one in (scale, shift)
        )  # pools: a row a place
        layer.groups = [replace(g, values=g.values * scale[g.rows]) for g in layer.groups]
        layer.bias = layer.bias * scale + shift
        return pending

    def _diagonal(self, value: Value) -> Pending:
        """A layer that gives every channel itself."""
        places = value[0]
        ones = [Group(np.array([c]), np.array([c]), np.ones((1, 1), np.float32)) for c in range(len(places))]
        if places.ndim == 1:
            return Pending(
                _present(Affine(ones, places, _bias(None, len(places)), length=self.lanes)), places.shape
            )
        if places.ndim != 3:
            raise _no("normalises a sequence")
        first, row = self._padded(places, 0)
        return Pending(Affine(ones, first, _bias(None, len(places))), places.shape, row)

    # ends of layers

    def _bounded(self, call: Call, low: float, high: float) -> Value | Pending:
        pending = self.own(call.args[0])
        if pending is None:
            places = self.value(call.args[0])[0]
            _, to = self._made(places.shape)
            self.steps.append(Each(to.reshape(-1), places.reshape(-1, 1), low=low, high=high))
            return to[None]
        layer = pending.layer
        layer.low, layer.high = min(max(layer.low, low), high), max(min(layer.high, high), low)
        pending.bounded = True
        return pending

    def _sum(self, call: Call) -> Value | Pending:
        a, b = call.args[:2]
        shape = call.shape[1:]
        if not (isinstance(a, Ref) and isinstance(b, Ref)) or call.kwargs.get("alpha", 1) != 1:
            raise _no("adds a constant")
        for one, other in ((a, b), (b, a)):
            pending = self.own(one)
            if pending is None or pending.bounded or pending.layer.more is not None or one == other:
                continue
            places = self.value(other)
            if places.shape[1:] == shape == pending.shape:
                self._add(pending, places[0])
                return pending
        first, second = self.value(a)[0], self.value(b)[0]
        first, second = np.broadcast_arrays(first, second)
        _, to = self._made(shape)
        self.steps.append(Each(to.reshape(-1), np.stack([first.reshape(-1), second.reshape(-1)], 1)))
        return to[None]

    def _add(self, pending: Pending, places: np.ndarray) -> None:
        """Let a layer add what stands elsewhere before its bounds."""
        if pending.row == 0:
            flat = places.reshape(-1)
            together = len(np.unique(self.room.of(flat))) == 1
            if not together or not np.array_equal(flat, flat[0] + np.arange(len(flat)) * self.lanes):
                flat = self._copied(flat)
            pending.layer.more = (int(flat[0]), self.lanes, 0, 0)
            return
        images = places.reshape(places.shape[0], -1, places.shape[-1])
        row = max(pending.row, (images.shape[2] + 2 * self.pad) * self.lanes) if self.lanes == 1 else 0
        grid = grid_of(images, self.lanes, row)
        channel = int(images[1, 0, 0] - images[0, 0, 0]) if len(images) > 1 else 0
        together = len(np.unique(self.room.of(images))) == 1
        even = (
            together
            and grid is not None
            and np.array_equal(grid.first, grid.first[0] + np.arange(len(images)) * channel)
        )
        if grid is None or not even or (row and grid.row != row):
            buffer, images = self.room.image(*images.shape, self.pad, row)
            assert buffer.image is not None
            self.steps.append(Each(images.reshape(-1), places.reshape(-1, 1)))
            grid, channel = grid_of(images, self.lanes, buffer.image.row), buffer.image.channel
            assert grid is not None
        inner = self.lanes if pending.stride[1] != 1 else 0
        pending.layer.more = (int(grid.first[0]), channel, grid.row, inner)

    # pools

    def _windows(self, windows: Sequence[np.ndarray], shape: tuple[int, ...]) -> Pending:
        """Means over windows: a row for each result, with places of its own."""
        sizes = [len(window) for window in windows]
        ends = np.cumsum([0, *sizes])
        groups = [
            Group(np.array([n]), np.arange(ends[n], ends[n + 1]), np.full((size, 1), 1 / size, np.float32))
            for n, size in enumerate(sizes)
        ]
        columns = np.concatenate(windows)
        return Pending(_present(Affine(groups, columns, _bias(None, len(sizes)), length=self.lanes)), shape)

    def _mean(self, call: Call) -> Pending:
        places = self.value(call.args[0])
        dims = [d % places.ndim for d in call.args[1]]
        if 0 in dims:
            raise _no("takes the mean of a batch")
        rest = [d for d in range(places.ndim) if d not in dims]
        rows = places.transpose(*rest, *dims).reshape(math.prod(places.shape[d] for d in rest), -1)
        return self._windows(list(rows), tuple(call.shape[1:]))

    def _adaptive(self, call: Call) -> Pending:
        places = self.value(call.args[0])[0]
        _, high, wide = call.shape[1:]
        _, height, width = places.shape
        rows = [
            places[c, h * height // high : -(-(h + 1) * height // high), w * width // wide : -(-(w + 1) * width // wide)]
            for c in range(len(places)) for h in range(high) for w in range(wide)
        ]  # fmt: skip
        return self._windows([row.reshape(-1) for row in rows], tuple(call.shape[1:]))

    def _average(self, call: Call) -> Pending:
        places = self.value(call.args[0])[0]
        windows = _windows_of(call, places.shape)
        if (windows == ABSENT).any():
            raise _no("takes means over an edge")
        rows = places.reshape(len(places), -1)[:, windows].reshape(-1, windows.shape[1])
        return self._windows(list(rows), tuple(call.shape[1:]))

    def _largest(self, call: Call) -> Value:
        places = self.value(call.args[0])[0]
        if (places == ABSENT).any():
            places = self._copied(places)
        windows = _windows_of(call, places.shape)
        flat = np.concatenate([places.reshape(len(places), -1), np.full((len(places), 1), ABSENT)], 1)
        _, to = self._made(tuple(call.shape[1:]))
        self.steps.append(Each(to.reshape(-1), flat[:, windows].reshape(-1, windows.shape[1]), largest=True))
        return to[None]


def _windows_of(call: Call, shape: tuple[int, ...]) -> np.ndarray:
    """The numbers within a channel that each result of a pool sees, (results, taps); `ABSENT` past the edge."""
    args = [*call.args[1:], *[None] * 4]
    kernel = _pair(args[0])
    stride = _pair(args[1] or args[0])
    top, left = _pair(args[2] or 0)
    tall, wide = _pair(args[3] or 1) if call.name.startswith("max") else (1, 1)
    _, height, width = shape
    _, high, across = call.shape[1:]
    y = np.add.outer(np.arange(high) * stride[0] - top, np.arange(kernel[0]) * tall)
    x = np.add.outer(np.arange(across) * stride[1] - left, np.arange(kernel[1]) * wide)
    at = y[:, None, :, None] * width + x[None, :, None, :]
    inside = ((y >= 0) & (y < height))[:, None, :, None] & ((x >= 0) & (x < width))[None, :, None, :]
    return np.where(inside, at, ABSENT).reshape(high * across, -1)


def _present(layer: Affine) -> Affine:
    """The same layer without the columns that are zero and stand nowhere."""
    if (layer.columns != ABSENT).all():
        return layer
    groups = []
    for group in layer.groups:
        there = layer.columns[group.columns] != ABSENT
        groups.append(Group(group.rows, group.columns[there], group.values[there]))
    return replace(layer, groups=groups, ring=None)


def _edges(buffer: Buffer, lanes: int) -> np.ndarray:
    """Places and lengths of the zeros around one channel's image."""
    image = buffer.image
    assert image is not None
    starts = image.pad * image.row + image.pad * lanes + np.arange(image.height) * image.row
    ends = np.concatenate([[0], starts + image.width * lanes])
    starts = np.concatenate([starts, [image.channel]])
    return np.stack([ends, starts - ends], 1)


def _tensors(value: Any) -> bool:
    """Whether there is a tensor among arguments that does not depend on the input."""
    if isinstance(value, (tuple, list)):
        return any(map(_tensors, value))
    return any(map(_tensors, value.values())) if isinstance(value, dict) else isinstance(value, Tensor)


def _bias(bias: Tensor | None, rows: int) -> np.ndarray:
    return np.zeros(rows, np.float32) if bias is None else bias.detach().float().cpu().numpy()


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return (value[0], value[0]) if len(value) == 1 else (value[0], value[1])


def _bounds(call: Call, low: float | None, high: float | None) -> tuple[float, float]:
    given = [*call.args[1:], None, None][:2]
    low, high = (given[0] if given[0] is not None else low), (given[1] if given[1] is not None else high)
    return -math.inf if low is None else low, math.inf if high is None else high
