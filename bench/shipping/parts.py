"""Shipping: a trained network as the files that go to the device and to the server.

A folder holds `manifest.json` and, for every part, its packed weights; on demand also the part as ONNX and as an
exported PyTorch program. Every file is read back and run on real inputs beside the network that it came from.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import SeesawError, needing
from bench.execution.chain.chain import LEAST
from bench.execution.fast import Fast, fast
from bench.files import write_whole
from bench.kinds.codec import Codec
from bench.network.net import Net, Part
from bench.network.sparse.values import ValueType
from bench.records.run_files import STATES
from bench.replay.exits.shipped import Shipped
from bench.replay.exits.states import save_states
from bench.shipping.codec_files import open_codec, write_codec
from bench.shipping.manifest import MANIFEST, Manifest, PartFile, graph_of, open_part, scale_of, versions
from bench.shipping.packed.pack import FORMS, pack, rounded

CLOSE = 1e-4
"""By how much an exported part may differ from the network, relative to the largest output."""


@dataclass
class Written:
    """One file that was written, and how it was checked."""

    part: str
    path: Path
    bytes: int
    kind: str
    difference: float | None
    """from the network, relative to the largest output, on real inputs; None where it could not be run"""
    note: str = ""
    fast: Fast | None = None
    """the part in the way that runs one sample fastest here; None where untimed, or a file for other tools"""


@dataclass
class Shipment:
    """A network on its way into a folder.

    Attributes:
        net: trained, in eval mode, on the CPU.
        inputs: real ones, on which everything is checked.
        about: fields of the manifest beside the parts.
        folder: where the files go.
        values: type of the numbers.
        form: of the indices; the smallest where left out.
        cut: first stage of the server's part; 0 sends the input, by a codec of inputs.
        by_exit: whether there is a part for each exit, so that inference may stop behind any.
        policies: those that can decide which samples leave, where a part of the device has exits.
        codec: of the cut, by its spec; trained, if it is a learned one.
        calibration: inputs of the calibration split, from which C of int8 has its scales; None where there is none.
        split: gives the test split in batches, inputs as the network takes them and labels, on which the answers of int8 are
            counted; None where there is none.
        original: the network before its weights were rounded; None until it is packed, and where none were.
        written: the files so far.
        manifest: of the packed parts, once they are written.
    """

    net: Net
    inputs: Tensor
    about: dict[str, Any]
    folder: Path
    values: ValueType = "float32"
    form: str | None = None
    cut: int | None = None
    by_exit: bool = False
    policies: Sequence[Shipped] = ()
    codec: tuple[str, Codec] | None = None
    calibration: Tensor | None = None
    split: Callable[[], Iterator[tuple[Tensor, Tensor]]] | None = None
    original: Net | None = None
    written: list[Written] = field(default_factory=list)
    manifest: Manifest | None = None

    def parts(self) -> dict[str, Part]:
        """The parts by name: the device's and the server's, one for each exit, or the whole where nothing is cut."""
        if self.by_exit and self.cut is not None:
            raise SeesawError("Parts by exit have no cut. Leave one of --by-exit and --cut out.")
        if self.by_exit:
            return {f"exit{number}": part for number, part in enumerate(self.net.stretches())}
        if self.cut is None:
            return {"network": self.net.whole()}
        front, back = self.net.inner_cut(self.cut) if self.cut else self.net.cut(0)
        return {"device": front, "server": back}

    def pack(self) -> Manifest:
        """Write the packed parts and the manifest, and read them back as another process would.

        Raises:
            SeesawError: the form does not apply, the folder cannot be written, or a part differs when read back.
        """
        if self.values != "float32" and self.original is None:
            self.original = copy.deepcopy(self.net)
        rounded(self.net, self.values)
        files: dict[str, PartFile] = {}
        for name in self.parts():  # such files may be another network's
            for other in (f"{name}.onnx", f"{name}.pt2", f"{name}/model.h", f"{name}/model.c"):
                (self.folder / other).unlink(missing_ok=True)
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
        crossing = None if self.cut is None else self.net.crossing(self.cut).joined
        fields = {"cut": self.cut, "crossing": crossing, "values": self.values, "parts": files}
        if (graph := graph_of(self.net)) is not None:
            fields |= {"graph": graph, "libraries": versions()}
        decides = self.by_exit or ("device" in files and files["device"].exits)
        if decides and self.policies:
            save_states(self.folder / STATES, {one.spec: [one.state] for one in self.policies})
            states = hashlib.sha256((self.folder / STATES).read_bytes()).hexdigest()
            fields |= {"policies": {one.spec: one.point for one in self.policies}, "states": states}
        if self.codec is not None:
            fields["codec"] = write_codec(self.folder, *self.codec)
        manifest = Manifest.model_validate(self.about | fields)
        self._write_manifest(manifest)
        self.manifest = manifest
        for name, expected in self._expected().items():
            part, file = open_part(self.folder, name), files[name]
            with torch.no_grad():
                difference = _difference(part.run(expected.x), expected.y)
            if difference > 0:
                raise SeesawError(f"{file.file} differs from the network when read back. Please report this.")
            path = self.folder / file.file
            self.written.append(
                Written(name, path, file.bytes, f"packed, {file.form}, {self.values}", difference)
            )
        if self.codec is not None:
            self._check_codec(*self.codec, manifest)
        return manifest

    def _check_codec(self, spec: str, codec: Codec, manifest: Manifest) -> None:
        """Send real features through the codec as either side reads it back.

        Raises:
            SeesawError: bytes or features differ from the codec's own.
        """
        assert self.cut is not None
        device, server = open_codec(self.folder, "device"), open_codec(self.folder, "server")
        features, _ = self.net.crossing(self.cut).part(self._expected()["server"].x)
        if codec.content == "input":
            features = self._images()
        for feature in features:
            payload, shape = codec.encode(feature), tuple(feature.shape)
            same = torch.equal(server.decode(payload, shape), codec.decode(payload, shape))
            if device.encode(feature) != payload or not same:
                raise SeesawError(f"{spec} differs from itself when read back. Please report this.")
        for side, file in (manifest.codec.files if manifest.codec else {}).items():
            half = "encoder" if side == "device" else "decoder"
            self.written.append(Written(side, self.folder / file.file, file.bytes, f"{half} of {spec}", 0.0))

    def _images(self) -> Tensor:
        """The inputs as images of 8 bits, which a device sends at cut 0.

        Raises:
            SeesawError: they do not come back as they were.
        """
        scale = scale_of(self.about["scale"])
        images = scale.back(self.inputs)
        if not torch.equal(scale(images), self.inputs):
            raise SeesawError(
                "These inputs are no images of 8 bits, which cut 0 sends. Cut behind the first stage."
            )
        return images

    def time(self) -> None:
        """Run every packed part, as it is read back, in the way that is fastest here for one sample.

        Raises:
            SeesawError: a part differs.
        """
        expected = self._expected()
        files = (
            [] if self.manifest is None else [self.folder / one.file for one in self.manifest.parts.values()]
        )
        for one in (written for written in self.written if written.path in files):
            part, on = open_part(self.folder, one.part), expected[one.part]
            if not part.stages:
                continue  # the device's, at cut 0
            one.fast = fast(part, on.x[:1], again=True)
            if not _difference(one.fast(on.x), on.y, LEAST) <= CLOSE:
                raise SeesawError(
                    f"{one.path} differs from the network as {one.fast.way.name}. Please report this."
                )

    def _write_manifest(self, manifest: Manifest) -> None:
        write_whole(self.folder / MANIFEST, (manifest.model_dump_json(indent=1) + "\n").encode(), "--out")

    def note(self, **fields: Any) -> None:
        """Enter fields in the manifest, where there is one."""
        if self.manifest is not None:
            self.manifest = self.manifest.model_copy(update=fields)
            self._write_manifest(self.manifest)

    def _note_onnx(self, name: str, path: Path) -> None:
        """Enter the digest of a part's ONNX file in the manifest, where there is one."""
        if self.manifest is None:
            return
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        part = self.manifest.parts[name].model_copy(update={"onnx": digest})
        self.note(parts=self.manifest.parts | {name: part})

    def _smallest(self, name: str, part: Part) -> tuple[str, bytes]:
        """The form that makes a part smallest, or the requested one, and the bytes."""
        if self.form is not None and self.form not in FORMS:
            raise SeesawError(f"There is no form {self.form!r}. Choose {', '.join(FORMS)}.")
        packed = {
            form: pack(part, form, self.values) for form in (FORMS if self.form is None else [self.form])
        }
        by_form = {form: data for form, data in packed.items() if data is not None}
        if not by_form:
            raise SeesawError(
                f"The form {self.form} does not say every mask of the {name} part. Leave --form out for the smallest."
            )
        form = min(by_form, key=lambda one: len(by_form[one]))
        return form, by_form[form]

    def _expected(self) -> dict[str, Expected]:
        """Real inputs of every part, and the outputs of the network's own part."""
        x, expected = self.inputs, {}
        with torch.no_grad():
            for name, part in self.parts().items():
                y = part.run(x)
                expected[name] = Expected(x, y)
                x = y[0]
        return expected

    def export(self) -> None:
        """Write every part as an exported PyTorch program, and run it."""
        for name, expected in self._expected().items():
            if not self.parts()[name].stages:
                continue  # the device's, at cut 0
            path = self.folder / f"{name}.pt2"
            program = torch.export.export(
                _Flat(self.parts()[name]),
                (_several(expected.x),),
                dynamic_shapes=({0: torch.export.Dim.AUTO},),
            )
            torch.export.save(program, path)
            with torch.no_grad():
                outputs = torch.export.load(path).module()(expected.x)
            self._checked(name, path, "torch.export, dense", outputs, expected.y)

    def onnx(self) -> None:
        """Write every part as ONNX, and run it with ONNX Runtime where that is installed.

        Raises:
            SeesawError: the packages that write ONNX are missing, or a part differs.
        """
        with needing("onnx", "ONNX needs"):
            import onnx  # noqa: F401  # pyright: ignore[reportMissingImports]
            import onnxscript  # noqa: F401  # pyright: ignore[reportMissingImports]
        for name, expected in self._expected().items():
            path, part = self.folder / f"{name}.onnx", self.parts()[name]
            if not part.stages:
                continue  # the device's, at cut 0
            names = ["crossing" if not part.final else "logits", *(f"exit{stage}" for stage in part.heads)]
            torch.onnx.export(
                _Flat(part).eval(),
                (_several(expected.x),),
                path,
                dynamo=True,
                external_data=False,
                verbose=False,
                input_names=["x"],
                output_names=names,
                dynamic_shapes=({0: torch.export.Dim.AUTO},),
            )
            self._note_onnx(name, path)
            try:
                import onnxruntime  # pyright: ignore[reportMissingImports]
            except ImportError:
                note = "not run: there is no onnxruntime here"
                self.written.append(Written(name, path, path.stat().st_size, "ONNX, dense", None, note))
                continue
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            outputs = session.run(None, {session.get_inputs()[0].name: expected.x.numpy()})
            self._checked(name, path, "ONNX, dense", [torch.from_numpy(one) for one in outputs], expected.y)

    def _checked(self, name: str, path: Path, kind: str, outputs: Any, expected: list[Tensor]) -> None:
        difference = _difference(list(outputs), expected)
        if not difference <= CLOSE:
            raise SeesawError(f"{path} differs from the network by {difference:.2g}. Please report this.")
        self.written.append(Written(name, path, path.stat().st_size, kind, difference))


@dataclass(frozen=True)
class Expected:
    """Inputs of a part, and its outputs: the tensor for the next part (or last logits), its exits' logits."""

    x: Tensor
    y: list[Tensor]


class _Flat(nn.Module):
    """A part with one list of outputs: the tensor across the cut (or last logits), then its exits' logits."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> list[Tensor]:
        out, *logits = self.part.run(x)
        # an exported program gives no tensor twice
        return [out.clone() if self.part.final else out, *logits]


def _several(x: Tensor) -> Tensor:
    """A batch of at least two samples: exported with one, a program would take no other number."""
    return x if len(x) > 1 else torch.cat([x, x])


def _difference(outputs: list[Tensor], expected: list[Tensor], least: float = 1e-12) -> float:
    if len(outputs) != len(expected):
        return math.inf
    if any(a.shape != b.shape for a, b in zip(outputs, expected, strict=True)):
        return math.inf
    off = [
        float((a - b).abs().max() / b.abs().max().clamp(min=least))
        for a, b in zip(outputs, expected, strict=True)
    ]
    return math.inf if any(map(math.isnan, off)) else max(off)
