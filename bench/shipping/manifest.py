"""Manifests: the description of a folder of packed parts; parts are read without running anything in it."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import SeesawError
from bench.files import read_plain
from bench.kinds.backbone import Backbone
from bench.kinds.bounds import hold_size
from bench.kinds.build import seeded, untrained
from bench.kinds.exits import Exits
from bench.kinds.method import Method
from bench.kinds.task import About, Scale
from bench.network.graph.capture import digest
from bench.network.net import Net, Part, Sample
from bench.network.pretrained import weights_later, without_hub
from bench.network.sparse.values import ValueType
from bench.plugins.plugin import choose
from bench.plugins.spec import names_draft
from bench.records.setup import Preprocessing, Recipe
from bench.shipping.packed.pack import restore

MANIFEST = "manifest.json"
LIBRARIES = "torch", "torchvision", "timm"
MAX_MANIFEST, MAX_PART = 1 << 20, 1 << 32
"""Limits: bytes of files; those of the network are `bench.kinds.bounds`'s."""
Spec = Annotated[str, Field(max_length=1000)]
Whole = Annotated[int, Field(ge=0, lt=1 << 20)]
Samples = Annotated[int, Field(ge=0, lt=1 << 40)]


class PartFile(BaseModel):
    """One packed part in a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Annotated[str, Field(pattern=r"^[a-z]+[0-9]{0,4}\.safetensors$")]
    bytes: Annotated[int, Field(gt=0, lt=MAX_PART)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    form: str
    stages: tuple[Whole, Whole]
    """first stage of the part, and first stage behind it"""
    exits: tuple[Whole, ...]
    """stages with heads in the part"""
    onnx: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the same part as ONNX, where that was written"""


class CodecFile(BaseModel):
    """One side's half of a learned codec in a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Annotated[str, Field(pattern=r"^[a-z]+\.safetensors$")]
    bytes: Annotated[int, Field(gt=0, lt=MAX_PART)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class CodecFiles(BaseModel):
    """The codec of the cut in a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    spec: Spec
    shape: Annotated[tuple[Whole, ...], Field(max_length=8)] | None = None
    """of the features that a learned one was trained for"""
    files: dict[Literal["device", "server"], CodecFile] = Field(default_factory=dict)
    """of a learned one"""


class Int8Exit(BaseModel):
    """The test samples that one exit answers, by int8 and by the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: Annotated[str, Field(pattern=r"^(device|server|network)$")]
    stage: Whole
    """that the exit hangs on"""
    right: Samples
    """answered rightly by the C of int8"""
    network: Samples
    """answered rightly by the network before its weights were rounded"""
    alike: Samples
    """with the same answer, right or wrong"""
    python: Samples | None
    """answered rightly by the server's part in Python, behind a device of int8; None for an exit of the device"""


class Int8Answers(BaseModel):
    """What int8 costs over the test split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: Samples
    codec: Spec
    """by which features cross the cut"""
    exits: Annotated[list[Int8Exit], Field(max_length=1 << 12)]


class Manifest(BaseModel):
    """The description of a folder of parts: enough to build the network again from announced plugins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    task: Spec
    backbone: Spec
    method: Spec
    exits: Spec
    seed: Annotated[int, Field(ge=0)]
    record: str
    """digest of the record's settings"""
    values: ValueType
    shape: Annotated[tuple[Whole, ...], Field(max_length=8)]
    """of one input, without the batch"""
    dtype: Literal["float32", "int64"]
    vocabulary: Whole = 0
    """number of different token ids of texts; 0 for other inputs"""
    classes: Annotated[int, Field(gt=0, lt=1 << 20)]
    graph: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None
    """digest of the operations of a network that another library builds"""
    libraries: dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=40)]] = Field(
        default_factory=dict, max_length=8
    )
    """the libraries that may build it, with their versions where it was packed"""
    cut: Whole | None
    crossing: tuple[Whole, ...] | None
    """shape of the tensor across the cut, without the batch"""
    codec: CodecFiles | None = None
    """what the tensor crosses by; none in older folders, and where none was named"""
    inputs: Preprocessing | None = None
    """how images are scaled, where that is not the task's way"""
    scale: Preprocessing | None = None
    """how images of 8 bits become what the network takes, whatever the task is; none for texts, and in older folders"""
    parts: dict[Annotated[str, Field(pattern=r"^(device|server|network|exit[0-9]{1,4})$")], PartFile]
    policies: dict[str, Whole] = Field(default_factory=dict)
    """those that can decide which samples leave at the device's exits, by number of their operating point"""
    states: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the file of these operating points"""
    int8: Int8Answers | None = None
    """what int8 costs, where parts were written as C of int8"""


def open_part(folder: Path, name: str) -> Part:
    """A part from a folder that `seesaw pack` wrote: no file in it is run, only announced plugins build it.

    The network is not asked for anything: a pretrained model that a manifest names must be on this machine.

    Args:
        folder: with the manifest and the part's file.
        name: `device`, `server` or `network`; `exit0`, `exit1`, ... of parts by exit.

    Raises:
        SeesawError: no such part, a damaged or foreign file, or plugins that are not installed.
    """
    return _opened(folder, name)[1]


def open_stretches(folder: Path, name: str) -> tuple[Part, list[Part]]:
    """A part as `open_part` opens it, and the same from exit to exit: each ends behind an exit, the last where the part ends.

    Args:
        folder: with the manifest and the part's file.
        name: of the part.

    Raises:
        SeesawError: as `open_part`.
    """
    net, part = _opened(folder, name)
    ends = [stage + 1 for stage in net.exits if part.start <= stage < part.stop]
    starts = [part.start, *ends]
    stops = ends if part.final else [*ends, part.stop]
    return part, [Part(net, start, stop) for start, stop in zip(starts, stops, strict=False)]


@without_hub()
@weights_later()
@seeded(0)
def _opened(folder: Path, name: str) -> tuple[Net, Part]:
    """The network, of which a part has its weights, and this part."""
    manifest = read_manifest(folder)
    entry = next((file for key, file in manifest.parts.items() if key == name), None)
    if entry is None:
        raise SeesawError(f"{folder} holds no part {name!r}. Choose {', '.join(manifest.parts)}.")
    specs = {"backbone": manifest.backbone, "method": manifest.method, "exits": manifest.exits}
    for spec in specs.values():
        announced(spec)
    sample = Sample(manifest.shape, getattr(torch, manifest.dtype), manifest.vocabulary)
    about = About(manifest.classes, sample, Recipe(epochs=1), inputs=manifest.inputs)
    plugins = (
        choose(Backbone, manifest.backbone).plugin,
        choose(Method, manifest.method).plugin,
        choose(Exits, manifest.exits).plugin,
    )
    try:
        hold_size(*plugins, about, cut=manifest.cut or None)
        _, net = untrained(*plugins, about, cut=manifest.cut or None)
    except SeesawError as error:
        raise SeesawError(f"{folder / MANIFEST} describes no network to build. {error}") from error
    except (ValueError, RuntimeError, TypeError, IndexError, ArithmeticError) as error:
        raise SeesawError(
            f"{folder / MANIFEST} describes no network to build ({error}). Pack it again."
        ) from error
    hold_graph(manifest, net, folder)
    start, stop = entry.stages
    if not start <= stop <= len(net.stages):
        raise SeesawError(f"{folder / MANIFEST} names stages that this network has not. Pack it again.")
    part = Part(net.eval(), start, stop)
    restore(part, read_same(folder / entry.file, entry.sha256, entry.bytes))
    return net, part


def scale_of(scale: Preprocessing | None) -> Scale:
    """How images of 8 bits, of the size that the network takes, become its inputs.

    Raises:
        SeesawError: the inputs are no such images, or the folder is an older one.
    """
    if scale is None:
        raise SeesawError(
            "The manifest does not say how images of 8 bits become inputs: they are none, or the folder is an older one. Pack it again, "
            "at a cut behind the first stage where the inputs are no images."
        )
    return Scale(scale.mean, scale.std)


def hold_graph(manifest: Manifest, net: Net, folder: Path) -> None:
    """Check that another library builds the network here that was packed.

    Raises:
        SeesawError: its operations differ, as with another version of that library.
    """
    if manifest.graph == graph_of(net):
        return
    here = versions()
    others = [
        f"{name} {there} (here {here.get(name, 'none')})"
        for name, there in manifest.libraries.items()
        if here.get(name) != there
    ]
    raise SeesawError(
        f"{folder / MANIFEST} names a network with other operations than what is built here. "
        + (
            f"It was packed with {' and '.join(others)}: install that, or pack again."
            if others
            else "Pack it again."
        )
    )


def graph_of(net: Net) -> str | None:
    """A digest of the operations of a captured network's stages and last head; None for stages of our own."""
    return digest([*net.stages, net.head(net.exits[-1])])


def versions() -> dict[str, str]:
    """The versions of the libraries that build networks by name, where they are installed."""
    return {name: version(name) for name in LIBRARIES if find_spec(name) is not None}


def announced(spec: str) -> None:
    """Check that a spec names no draft, because the file of a draft would be run.

    Raises:
        SeesawError: it names a draft.
    """
    if names_draft(spec):
        raise SeesawError(f"{spec} is a draft, and a manifest runs no code. Announce it in a distribution.")


def read_same(path: Path, sha256: str, size: int) -> bytes:
    """A file's bytes, checked to be those that were packed.

    Args:
        path: the file.
        sha256: digest of the packed bytes.
        size: length of the packed bytes; no more than one byte beyond is read.

    Raises:
        SeesawError: they are other bytes, or cannot be read.
    """
    try:
        data = read_plain(path, size + 1)
    except OSError as error:
        raise SeesawError(f"{path} cannot be read ({error.strerror}). Pack it again.") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise SeesawError(f"{path} is not the file that was packed. Pack it, or fetch it, again.")
    return data


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder.

    Raises:
        SeesawError: no file there, or no manifest in it.
    """
    path = folder / MANIFEST
    try:
        return Manifest.model_validate(json.loads(read_plain(path, MAX_MANIFEST)))
    except OSError as error:
        raise SeesawError(
            f"{path} cannot be read ({error.strerror}). Give a folder that `seesaw pack` wrote."
        ) from error
    except (ValueError, RecursionError, ValidationError) as error:
        raise SeesawError(f"{path} is no manifest ({str(error).splitlines()[0]}). Pack it again.") from error
