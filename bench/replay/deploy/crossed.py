"""Crossed: the bytes and answers of single samples at every cut through every codec, from a run's folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from bench.arrays import hold_plain
from bench.errors import SeesawError

MOST_TENSORS, MOST_BYTES = 1 << 14, 1 << 31
"""Limits of a file: of the tensors in it, and of the bytes that they take."""
LARGEST = 1 << 30
"""The most bytes that a message has: those of a frame."""


@dataclass(frozen=True)
class Message:
    """One codec at one cut.

    Attributes:
        payload: bytes, int64 (N,).
        framed: bytes as they travel, int64 (N,).
        answers: of the last exit, computed from what arrived, int64 (N,).
    """

    payload: np.ndarray
    framed: np.ndarray
    answers: np.ndarray


@dataclass(frozen=True)
class Crossed:
    """What samples of the test split sent.

    Attributes:
        samples: their places in the split, rising, int64 (N,).
        messages: by cut and codec, in the order of both.
    """

    samples: np.ndarray
    messages: Mapping[tuple[int, str], Message]

    @classmethod
    def read(cls, path: Path, cuts: int, samples: int, classes: int) -> Crossed:
        """Read a file of crossings.

        Args:
            path: of the file.
            cuts: of the network; at the last one nothing is sent.
            samples: in the test split.
            classes: of the task.

        Raises:
            SeesawError: no file, or not one of this network and split: a sentence says what does not fit.
        """
        try:
            hold_plain(path)
            with safe_open(str(path), "np") as file:
                return _checked(file, cuts, samples, classes)
        except (OSError, SafetensorError, ValueError, TypeError) as error:
            raise SeesawError(
                f"{path} is no whole file of crossings ({error}). Measure the run again (seesaw run ... --measure) to make it."
            ) from error


def _checked(file: Any, cuts: int, samples: int, classes: int) -> Crossed:
    names = list(file.keys())
    sizes = [int(np.prod(file.get_slice(name).get_shape())) for name in names]
    if len(names) > MOST_TENSORS or sum(sizes) * 8 > MOST_BYTES:
        raise ValueError(f"{len(names)} tensors of {sum(sizes)} numbers are more than any run keeps")
    if "samples" not in names:
        raise ValueError("it does not say which samples were sent")
    places = _whole(file, "samples", 0, samples - 1)
    if places.ndim != 1 or len(places) == 0 or (np.diff(places) <= 0).any():
        raise ValueError("its samples are not in order, or there are none")
    messages = {
        key: Message(
            _numbers(file, f"{stem}/bytes", len(places), LARGEST),
            _numbers(file, f"{stem}/framed", len(places), LARGEST),
            _answers(file, f"{stem}/answers", len(places), classes),
        )
        for key, stem in sorted(_stems(names, cuts))
    }
    for (cut, codec), one in messages.items():
        if (one.framed < one.payload).any():
            raise ValueError(f"at cut {cut} a frame of {codec} is smaller than its payload")
    if not messages:
        raise ValueError("nothing crosses a cut in it")
    return Crossed(places, messages)


def _stems(names: list[str], cuts: int) -> Iterator[tuple[tuple[int, str], str]]:
    """Cut and codec of every message, with the beginning of its tensors' names."""
    for name in names:
        if name == "samples":
            continue
        cut, _, rest = name.partition("/")
        codec, _, last = rest.rpartition("/")
        if not (cut.isdecimal() and len(cut) < 6 and codec) or last not in ("bytes", "framed", "answers"):
            raise ValueError(f"it has a tensor {name[:100]!r}")
        if int(cut) >= cuts - 1:
            raise ValueError(f"it has a cut {cut}, and the network sends nothing beyond cut {cuts - 2}")
        if last == "framed":
            yield (int(cut), codec), f"{cut}/{codec}"


def _whole(file: Any, name: str, least: int, most: int) -> np.ndarray:
    """A tensor of whole numbers within bounds, int64."""
    try:
        values = file.get_tensor(name)
    except SafetensorError as error:
        raise ValueError(f"it lacks {name}") from error
    if values.dtype.kind not in "iu":
        raise ValueError(f"{name} holds {values.dtype}, and no whole numbers")
    values = values.astype(np.int64)
    if values.size and not (values.min() >= least and values.max() <= most):
        raise ValueError(
            f"{name} has numbers from {values.min()} to {values.max()}, not within {least} to {most}"
        )
    return values


def _numbers(file: Any, name: str, samples: int, most: int) -> np.ndarray:
    values = _whole(file, name, 0, most)
    if values.shape != (samples,):
        raise ValueError(f"{name} has the shape {values.shape} for {samples} samples")
    return values


def _answers(file: Any, name: str, samples: int, classes: int) -> np.ndarray:
    """The answers of the last exit; exits before it on the server's side come first in the file."""
    values = _whole(file, name, 0, classes - 1)
    if values.ndim != 2 or values.shape[1] != samples or not len(values):
        raise ValueError(f"{name} has the shape {values.shape} for {samples} samples")
    return np.ascontiguousarray(values[-1])
