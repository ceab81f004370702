"""The codec of a cut in a packed folder: its spec, and for a learned one a file for the device and one for the server."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from bench.errors import SeesawError
from bench.files import write_whole
from bench.kinds.bases.learned_codec import Coder, FittedCodec, LearnedCodec
from bench.kinds.bounds import MODULES, NUMBERS
from bench.kinds.build import seeded
from bench.kinds.codec import Codec
from bench.plugins.plugin import choose
from bench.shipping.manifest import CodecFile, CodecFiles, announced, read_manifest, read_same

Side = Literal["device", "server"]
SIDES: tuple[Side, Side] = ("device", "server")


class Elsewhere(nn.Module):
    """Stands for the half of a coder that runs on the other side."""

    def forward(self, x: Tensor) -> Tensor:
        raise SeesawError("This half of the codec runs on the other side. Open the codec of that side.")


def write_codec(folder: Path, spec: str, codec: Codec) -> CodecFiles:
    """Write what either side needs of a codec.

    Args:
        folder: of the parts.
        spec: by which anyone finds the codec; no draft.
        codec: trained, if it is a learned one.

    Returns:
        The manifest's entry.

    Raises:
        SeesawError: the spec is a draft, or the folder cannot be written.
    """
    announced(spec)
    if not isinstance(codec, FittedCodec):
        return CodecFiles(spec=spec)
    files = {}
    for side in SIDES:
        data = save_tensors(_side(codec.coder, side))
        write_whole(folder / f"{side}codec.safetensors", data, "--out")
        files[side] = CodecFile(
            file=f"{side}codec.safetensors", bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
        )
    return CodecFiles(spec=spec, shape=codec.shape, files=files)


def _side(coder: Coder, side: Side) -> dict[str, Tensor]:
    """The state of a coder that one side needs: all but the other's half, each tensor under one name."""
    other = coder.decoder if side == "device" else coder.encoder
    left_out = {id(tensor) for tensor in other.state_dict(keep_vars=True).values()}
    state: dict[int, tuple[str, Tensor]] = {}
    for name, tensor in coder.state_dict(keep_vars=True).items():
        if id(tensor) not in left_out:
            state.setdefault(id(tensor), (name, tensor.detach().cpu().contiguous()))
    return dict(state.values())


@seeded(0)
def open_codec(folder: Path, side: Side) -> Codec:
    """The codec of a packed folder, as the device or the server needs it: no file in it is run.

    Args:
        folder: that `seesaw pack --codec` wrote.
        side: `device`, which encodes, or `server`, which decodes.

    Raises:
        SeesawError: the folder names no codec, a file is damaged, or a plugin is not installed.
    """
    entry = read_manifest(folder).codec
    if entry is None:
        raise SeesawError(f"{folder} names no codec. Pack it with --codec SPEC.")
    announced(entry.spec)
    codec = choose(Codec, entry.spec).plugin
    if not isinstance(codec, LearnedCodec):
        return codec
    if entry.shape is None or side not in entry.files:
        raise SeesawError(f"{folder} lacks the {side}'s half of {entry.spec}. Pack it again.")
    file = entry.files[side]
    data = read_same(folder / file.file, file.sha256, file.bytes)
    try:
        with torch.device("meta"):
            _hold_size(codec.coder(entry.shape))
        coder = codec.coder(entry.shape)
        _load(coder, load_tensors(data), side)
    except (SafetensorError, RuntimeError, ValueError, TypeError) as error:
        raise SeesawError(f"{folder / file.file} holds no {entry.spec} ({error}). Pack it again.") from error
    coder = codec.used(coder.eval().requires_grad_(False))
    setattr(coder, "decoder" if side == "device" else "encoder", Elsewhere())
    return FittedCodec(coder=coder, shape=entry.shape)


def _hold_size(ghost: Coder) -> None:
    """Refuse a coder that is too large for one that a file describes.

    Raises:
        SeesawError: it is.
    """
    numbers = sum(math.prod(tensor.shape) for tensor in ghost.state_dict().values())
    if numbers > NUMBERS or sum(1 for _ in ghost.modules()) > MODULES:
        raise SeesawError(
            f"The codec has {numbers:,} numbers, and one that a file describes at most {NUMBERS:,}. Build it by hand."
        )


def _load(coder: Coder, tensors: dict[str, Tensor], side: Side) -> None:
    """Give a coder the state of one side.

    Raises:
        ValueError: tensors are absent, or are others than its own.
    """
    wanted = _side(coder, side)
    if {name: one.shape for name, one in wanted.items()} != {
        name: one.shape for name, one in tensors.items()
    }:
        raise ValueError("its tensors are not those of this codec")
    if not all(bool(torch.isfinite(one).all()) for one in tensors.values() if one.is_floating_point()):
        raise ValueError("some of its numbers are not finite")
    coder.load_state_dict(tensors, strict=False)
