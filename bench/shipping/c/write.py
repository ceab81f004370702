"""Writing: the parts of a shipment as C, each compiled and run beside the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from bench.errors import SeesawError
from bench.files import write_whole
from bench.kinds.codec import Codec
from bench.kinds.frame import read_frames
from bench.kinds.policy import FORMULAS, Policy
from bench.network.net import Part
from bench.network.sparse.values import ValueType
from bench.replay.exits.shipped import Shipped
from bench.shipping.c.accuracy import crossed, int8_answers, sentences
from bench.shipping.c.code import Code, code_of
from bench.shipping.c.frames import CODECS
from bench.shipping.c.host import compiled, compiler
from bench.shipping.parts import Shipment, Written

CLOSE = 1e-5
"""By how much the answers of the C may differ from the network's, relative to the largest of each output."""

LEVEL = 1.001 / 255
"""A level of a byte, and its rounding, as a share of a feature's span."""


def hold_plain(values: ValueType, by_exit: bool, codec: str | None) -> None:
    """Check that what else is asked for fits C.

    Raises:
        SeesawError: it does not.
    """
    if by_exit:
        raise SeesawError("C stops at every exit by itself. Leave one of --by-exit and --c out.")
    if values == "float16":
        raise SeesawError(
            "C computes with float32 or int8, not with float16. Add --values float32 or --values int8."
        )
    if codec is not None and codec not in CODECS:
        raise SeesawError(
            f"C sends a feature as {' or '.join(CODECS)}, not by {codec}. Name one of these, or leave --codec out."
        )


def write_c(shipment: Shipment) -> list[str]:
    """Write every part as `PART/model.h` and `PART/model.c`.

    Where the weights are int8, the C computes with int8, with scales from the shipment's calibration samples, and gives what
    `bench.execution.int8` gives, bit for bit.

    Args:
        shipment: whose parts are packed; what was written is added to it.

    Returns:
        Sentences on the policies that no part decides by, and on what int8 costs over the test split.

    Raises:
        SeesawError: a part does something that cannot be said in C, or differs from the network, or from int8.
    """
    thresholds, notes = _thresholds(shipment.policies)
    calibration = shipment.calibration if shipment.values == "int8" else None
    if shipment.values == "int8" and calibration is None:
        raise SeesawError(
            "C of int8 takes its scales from calibration samples, and there are none. Pack a run's network."
        )
    name = f"{shipment.about['backbone']} with {shipment.about['method']} on {shipment.about['task']}"
    codes: dict[str, Code] = {}
    codec = shipment.codec or ("float32", None)
    for part_name, part in shipment.parts().items():
        first = sum(stage < part.start for stage in shipment.net.exits)
        own = {
            formula: [float(one) for one in bounds[first : first + len(part.heads)]]
            for formula, bounds in thresholds.items()
        }
        codes[part_name] = code_of(part, name, own, calibration, codec[0])
        if calibration is not None:
            with torch.no_grad():
                calibration = part.forward(calibration)
    x = shipment.inputs
    for part_name, part in shipment.parts().items():
        code = codes[part_name]
        path = shipment.folder / part_name / "model.c"
        kind = f"C of {shipment.values}, {code.tables:,} bytes of numbers, arena of {code.arena:,}"
        compared = None if compiler() is None else _compared(part, code, x, codec[1])
        difference = None if compared is None else compared.difference
        note = "not run: there is no C compiler here" if difference is None else ""
        if compared is not None and not compared.is_exact:
            raise SeesawError(f"{path} differs from int8 as it is computed here. Please report this.")
        if difference is not None and code.ints is None and not difference <= CLOSE:
            raise SeesawError(f"{path} differs from the network by {difference:.2g}. Please report this.")
        write_whole(path.with_suffix(".h"), code.header.encode(), "--out")
        write_whole(path, code.source.encode(), "--out")
        shipment.written.append(Written(part_name, path, len(code.source.encode()), kind, difference, note))
        with torch.no_grad():
            x = part.forward(x)
    if shipment.split is not None and calibration is not None:
        counted = int8_answers(shipment, codes)
        shipment.note(int8=counted)
        notes += sentences(counted)
    return notes


def _thresholds(policies: Sequence[Shipped]) -> tuple[Mapping[str, torch.Tensor], list[str]]:
    """The thresholds of the policies that can be said in C, by formula, and sentences on the others."""
    thresholds: dict[str, torch.Tensor] = {}
    others, notes = [], []
    for one in policies:
        formula = one.policy.formula
        plain = type(one.policy).leaves is Policy.leaves and "thresholds" in one.state
        if formula not in FORMULAS or not plain:
            others.append(one.spec)
        elif formula in thresholds:
            notes.append(f"{one.spec} is left out of the C, where another policy has the formula {formula}.")
        else:
            thresholds[formula] = one.state["thresholds"].float()
    if others:
        notes.append(f"C has {', '.join(FORMULAS)} with thresholds; left out are {', '.join(others)}.")
    return thresholds, notes


class Compared(NamedTuple):
    """A part's code beside the network, on real samples."""

    difference: float
    """by how much logits and feature differ from the part's, relative to the largest of each output"""
    is_exact: bool
    """whether code of int8 gave what int8 gives in Python, bit for bit"""


def _compared(part: Part, code: Code, x: torch.Tensor, codec: Codec | None) -> Compared:
    """Run a part's code on samples (N, ...), whose features go through a codec; None for float32 as it is."""
    with torch.no_grad():
        out, logits = part.answers(x)
    with compiled(code, part.incoming.classes) as host:
        ran = [host.run(one.numpy()) for one in x]
    pairs = [(np.stack([one.logits[n] for one in ran]), exit_.numpy()) for n, exit_ in enumerate(logits)]
    if code.frame:
        shape = tuple(out.shape[1:])
        payloads = [bytes(read_frames(one.frame)[0].payload) for one in ran]
        features = [_decoded(codec, one, shape) for one in payloads]
        pairs.append((np.stack(features), crossed(codec, out).flatten(1).numpy()))
    is_exact = True
    if code.ints is not None:
        wanted, feature = code.ints.run(x.numpy())
        if feature is not None:
            wanted = [
                *wanted,
                crossed(codec, torch.from_numpy(feature).reshape(out.shape)).flatten(1).numpy(),
            ]
        is_exact = all(np.array_equal(ours, one) for (ours, _), one in zip(pairs, wanted, strict=True))
    worst = 0.0
    lossy = len(logits) if codec is not None and not codec.is_lossless else None
    for number, (ours, theirs) in enumerate(pairs):
        apart = np.abs(ours - theirs)
        if number == lossy:  # a level more or less is a rounding
            apart = np.maximum(apart - LEVEL * (theirs.max(1) - theirs.min(1))[:, None], 0)
        off = apart.max() / max(np.abs(theirs).max(), 1e-12)
        worst = max(worst, float(off) if np.isfinite(off) else np.inf)
    return Compared(worst, is_exact)


def _decoded(codec: Codec | None, payload: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """A feature's numbers from its payload."""
    return np.frombuffer(payload, "<f4") if codec is None else codec.decode(payload, shape).flatten().numpy()
