"""Shipping: a trained network as the files that go to the device and to the server.

A folder holds `manifest.json` and, for every part, its packed weights; on demand also the part as ONNX and as an
exported PyTorch program. Whatever is written is read back and run on real inputs beside the network it came from.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from bench.backbone import Backbone
from bench.build import untrained
from bench.errors import SeesawError
from bench.exits import Exits
from bench.files import read_plain, write_whole
from bench.method import Method
from bench.net import Net, Part, Sample
from bench.packed import FORMS, pack, restore, rounded
from bench.plugin import choose
from bench.sparse.values import Kind
from bench.task import About, Recipe

MANIFEST = "manifest.json"
MAX_MANIFEST, MAX_PART, MAX_NUMBERS = 1 << 20, 1 << 32, 1 << 28
CLOSE = 1e-4
"""By how much an exported part may differ from the network, relative to its largest answer."""

Whole = Annotated[int, Field(ge=0, lt=1 << 20)]


class PartFile(BaseModel):
    """One packed part in a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Annotated[str, Field(pattern=r"^[a-z]+\.safetensors$")]
    bytes: Annotated[int, Field(gt=0, lt=MAX_PART)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    form: str
    stages: tuple[Whole, Whole]
    """first stage, and first that is not in it"""
    exits: tuple[Whole, ...]
    """stages whose heads are in it"""


class Manifest(BaseModel):
    """What a folder of parts says of itself: enough to build the network again from announced plugins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    task: str
    backbone: str
    method: str
    exits: str
    seed: Annotated[int, Field(ge=0)]
    record: str
    """digest of the record's settings"""
    values: Kind
    shape: Annotated[tuple[Whole, ...], Field(max_length=8)]
    """of one input, without the batch"""
    dtype: Literal["float32", "int64"]
    vocabulary: Whole = 0
    """token ids of a text; 0 for what is no text"""
    classes: Annotated[int, Field(gt=0, lt=1 << 20)]
    cut: Whole | None
    crossing: tuple[Whole, ...] | None
    """shape of what crosses the cut, without the batch"""
    parts: dict[Literal["device", "server", "network"], PartFile]


@dataclass
class Written:
    """One file that was written, and how it was checked."""

    part: str
    path: Path
    bytes: int
    kind: str
    difference: float | None
    """from the network, relative to the largest answer, on real inputs; None where it could not be run"""
    note: str = ""


@dataclass
class Shipment:
    """A network on its way into a folder.

    Attributes:
        net: trained, in eval mode, on the CPU.
        inputs: real ones, on which everything is checked.
        about: what the manifest says beside the parts.
        folder: where the files go.
    """

    net: Net
    inputs: Tensor
    about: dict[str, Any]
    folder: Path
    values: Kind = "float32"
    form: str | None = None
    cut: int | None = None
    written: list[Written] = field(default_factory=list)

    def parts(self) -> dict[str, Part]:
        """The parts by name: the device's and the server's, or the whole network where nothing is cut."""
        stages = len(self.net.stages)
        if self.cut is None:
            return {"network": Part(self.net, 0, stages)}
        if not 0 < self.cut < stages:
            raise SeesawError(
                f"There is no cut {self.cut} with a part on either side: this network has {stages} stages. "
                f"Name one from 1 to {stages - 1}."
            )
        front, back = self.net.cut(self.cut)
        return {"device": front, "server": back}

    def pack(self) -> Manifest:
        """Write the packed parts and the manifest, and read them back as another process would.

        Raises:
            SeesawError: the form does not apply, the folder cannot be written, or a part differs when read back.
        """
        rounded(self.net, self.values)
        files: dict[str, PartFile] = {}
        for name, part in self.parts().items():
            form, data = self._smallest(name, part)
            write_whole(self.folder / f"{name}.safetensors", data, "--out")
            files[name] = PartFile(
                file=f"{name}.safetensors",
                bytes=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                form=form,
                stages=(part.start, part.stop),
                exits=tuple(int(stage) for stage in part.heads),
            )
        crossing = None if self.cut is None else self.net.crossing(self.cut)
        manifest = Manifest.model_validate(
            self.about | {"cut": self.cut, "crossing": crossing, "values": self.values, "parts": files}
        )
        write_whole(self.folder / MANIFEST, (manifest.model_dump_json(indent=1) + "\n").encode(), "--out")
        for name, expected in self._answers().items():
            part, told = open_part(self.folder, name), files[name]
            with torch.no_grad():
                difference = _difference(part.run(expected.x), expected.y)
            if difference > 0:
                raise SeesawError(f"{told.file} differs from the network when read back. Please report this.")
            path = self.folder / told.file
            self.written.append(
                Written(name, path, told.bytes, f"packed, {told.form}, {self.values}", difference)
            )
        return manifest

    def _smallest(self, name: str, part: Part) -> tuple[str, bytes]:
        """The form that makes a part smallest, or the one that was asked for, and the bytes."""
        if self.form is not None and self.form not in FORMS:
            raise SeesawError(f"There is no form {self.form!r}. Choose {', '.join(FORMS)}.")
        found = {
            form: pack(part, form, self.values) for form in (FORMS if self.form is None else [self.form])
        }
        able = {form: data for form, data in found.items() if data is not None}
        if not able:
            raise SeesawError(
                f"The form {self.form} does not say every mask of the {name} part. Leave --form out for the smallest."
            )
        form = min(able, key=lambda one: len(able[one]))
        return form, able[form]

    def _answers(self) -> dict[str, Expected]:
        """Real inputs of every part, and what the network's own part makes of them."""
        x, found = self.inputs, {}
        with torch.no_grad():
            for name, part in self.parts().items():
                y = part.run(x)
                found[name] = Expected(x, y)
                x = y[0]
        return found

    def export(self) -> None:
        """Write every part as an exported PyTorch program, and run it."""
        for name, expected in self._answers().items():
            path = self.folder / f"{name}.pt2"
            program = torch.export.export(
                _Flat(self.parts()[name]), (expected.x,), dynamic_shapes=({0: torch.export.Dim.AUTO},)
            )
            path.unlink(missing_ok=True)
            torch.export.save(program, path)
            with torch.no_grad():
                found = torch.export.load(path).module()(expected.x)
            self._checked(name, path, "torch.export, dense", found, expected.y)

    def onnx(self) -> None:
        """Write every part as ONNX, and run it with ONNX Runtime where that is installed.

        Raises:
            SeesawError: the packages that write ONNX are missing, or a part differs.
        """
        try:
            import onnx  # noqa: F401  # pyright: ignore[reportMissingImports]
            import onnxscript  # noqa: F401  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise SeesawError(
                f"ONNX needs {error.name}. Install it with: pip install 'seesaw-bench[onnx]'"
            ) from error
        for name, expected in self._answers().items():
            path, part = self.folder / f"{name}.onnx", self.parts()[name]
            outputs = ["crossing" if not part.final else "logits", *(f"exit{stage}" for stage in part.heads)]
            torch.onnx.export(
                _Flat(part).eval(),
                (expected.x,),
                path,
                dynamo=True,
                external_data=False,
                verbose=False,
                input_names=["x"],
                output_names=outputs,
                dynamic_shapes=({0: torch.export.Dim.AUTO},),
            )
            try:
                import onnxruntime  # pyright: ignore[reportMissingImports]
            except ImportError:
                note = "not run: there is no onnxruntime here"
                self.written.append(Written(name, path, path.stat().st_size, "ONNX, dense", None, note))
                continue
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            found = session.run(None, {session.get_inputs()[0].name: expected.x.numpy()})
            self._checked(name, path, "ONNX, dense", [torch.from_numpy(one) for one in found], expected.y)

    def _checked(self, name: str, path: Path, kind: str, found: Any, expected: list[Tensor]) -> None:
        difference = _difference(list(found), expected)
        if not difference <= CLOSE:
            raise SeesawError(f"{path} differs from the network by {difference:.2g}. Please report this.")
        self.written.append(Written(name, path, path.stat().st_size, kind, difference))


@dataclass(frozen=True)
class Expected:
    """Inputs of a part, and its answers: what it gives on, then the logits of its exits."""

    x: Tensor
    y: list[Tensor]


class _Flat(nn.Module):
    """A part that gives one list: what crosses the cut (or the final logits), then the logits of its exits."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> list[Tensor]:
        out, *logits = self.part.run(x)
        # an exported program gives no tensor twice
        return [out.clone() if self.part.final else out, *logits]


def _difference(found: list[Tensor], expected: list[Tensor]) -> float:
    if len(found) != len(expected):
        return math.inf
    if any(a.shape != b.shape for a, b in zip(found, expected, strict=True)):
        return math.inf
    off = [
        float((a - b).abs().max() / b.abs().max().clamp(min=1e-12))
        for a, b in zip(found, expected, strict=True)
    ]
    return math.inf if any(map(math.isnan, off)) else max(off)


def open_part(folder: Path, name: str) -> Part:
    """A part from a folder that `seesaw pack` wrote: nothing in it is run, and only announced plugins build it.

    Args:
        folder: with the manifest and the part's file.
        name: `device`, `server` or `network`.

    Raises:
        SeesawError: no such part, a damaged or foreign file, or plugins that are not installed.
    """
    manifest = read_manifest(folder)
    told = next((file for key, file in manifest.parts.items() if key == name), None)
    if told is None:
        raise SeesawError(f"{folder} holds no part {name!r}. Choose {', '.join(manifest.parts)}.")
    specs = {"backbone": manifest.backbone, "method": manifest.method, "exits": manifest.exits}
    for spec in specs.values():
        if ":" in spec.partition("[")[0]:
            raise SeesawError(
                f"{spec} is a draft, and a manifest runs no code. Announce it in a distribution."
            )
    sample = Sample(manifest.shape, getattr(torch, manifest.dtype), manifest.vocabulary)
    about = About(manifest.classes, sample, Recipe(epochs=1))
    plugins = (
        choose(Backbone, manifest.backbone).plugin,
        choose(Method, manifest.method).plugin,
        choose(Exits, manifest.exits).plugin,
    )
    try:
        with torch.device("meta"):  # shapes without numbers: what it would cost
            _, ghost = untrained(*plugins, about, cut=manifest.cut)
        if sum(tensor.numel() for tensor in ghost.state_dict().values()) > MAX_NUMBERS:
            raise ValueError(f"it has more than {MAX_NUMBERS:,} numbers")
        _, net = untrained(*plugins, about, cut=manifest.cut)
    except (ValueError, RuntimeError, TypeError, IndexError) as error:
        raise SeesawError(
            f"{folder / MANIFEST} describes no network to build ({error}). Pack it again."
        ) from error
    start, stop = told.stages
    if not start <= stop <= len(net.stages):
        raise SeesawError(f"{folder / MANIFEST} names stages that this network has not. Pack it again.")
    part = Part(net.eval(), start, stop)
    try:
        data = read_plain(folder / told.file, told.bytes + 1)
    except OSError as error:
        raise SeesawError(
            f"{folder / told.file} cannot be read ({error.strerror}). Pack it again."
        ) from error
    if hashlib.sha256(data).hexdigest() != told.sha256:
        raise SeesawError(
            f"{folder / told.file} is not the file that was packed. Pack it, or fetch it, again."
        )
    restore(part, data)
    return part


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder.

    Raises:
        SeesawError: none there, or not one.
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
