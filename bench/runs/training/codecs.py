"""Learned codecs trained at a cut of a network that stays as it is, and kept beside its weights."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from bench.errors import SeesawError
from bench.files import write_whole
from bench.kinds.bases.learned_codec import Coder, CoderLoss, FittedCodec, LearnedCodec, Lesson
from bench.kinds.build import seeded
from bench.kinds.task import LentData
from bench.network.net import Net
from bench.plugins.plugin import Choice

KEY = "made of"
"""The metadata of a file of a coder: the codec, the cut, the seed and the network that it was trained for."""
Report = Callable[[float, float, str], None]


@dataclass(frozen=True)
class _Training:
    """Training of one coder (`bench.CodecTraining`).

    Attributes:
        net: frozen, on the device.
        cut: where the coder stands.
        data: the train split.
        codec: whose epochs and learning rate it has.
        batch: samples in a step.
        seed: orders the data.
        report: called with steps done, steps in all, and a line of text.
    """

    net: Net
    cut: int
    data: LentData
    codec: LearnedCodec
    batch: int
    seed: int
    report: Report

    def __call__(
        self,
        coder: Coder,
        loss: CoderLoss,
        share: float = 1.0,
        parameters: Iterable[nn.Parameter] | None = None,
    ) -> None:
        """Train a coder for a share of the codec's epochs."""
        chosen = list(coder.parameters() if parameters is None else parameters)
        inputs, labels = self.data.train
        device, batch = next(self.net.parameters()).device, min(self.batch, len(labels))
        per_epoch = len(labels) // batch
        steps = max(1, round(share * self.codec.epochs * per_epoch))
        generator = torch.Generator().manual_seed(self.seed)
        speeds = {id(one): coder.speed(name) for name, one in coder.named_parameters()}
        groups = [{"params": [one], "speed": speeds.get(id(one), 1.0)} for one in chosen]
        optimizer = torch.optim.Adam(groups, lr=self.codec.lr)
        order = torch.empty(0, dtype=torch.int64)
        coder.train()
        for parameter in coder.parameters():
            parameter.requires_grad_(False)
        for parameter in chosen:
            parameter.requires_grad_(True)
        for step in range(steps):
            if step % per_epoch == 0:
                order = torch.randperm(len(labels), generator=generator)
            rows = order[(step % per_epoch) * batch :][:batch]
            for group in optimizer.param_groups:
                group["lr"] = group["speed"] * self.codec.lr * 0.5 * (1 + math.cos(math.pi * step / steps))
            lesson = Lesson(
                self.net, self.cut, self.data.scale(inputs[rows].to(device)), labels[rows].to(device)
            )
            if step == 0:
                coder.begin(lesson.feature)
            optimizer.zero_grad(set_to_none=True)
            found = loss(coder, lesson)
            if not bool(torch.isfinite(found)):
                raise SeesawError(
                    f"The training of {type(self.codec).__name__} at cut {self.cut} ends in no number. Lower its lr."
                )
            found.backward()
            optimizer.step()
            self.report(step, steps, f"{type(self.codec).__name__} at cut {self.cut}")
        coder.eval().requires_grad_(False)


def fitted(
    choice: Choice[LearnedCodec],
    net: Net,
    cut: int,
    data: LentData,
    *,
    batch: int,
    seed: int,
    folder: Path | None = None,
    report: Report = lambda done, total, line: None,
) -> FittedCodec:
    """A codec trained at a cut, or read where the same one was trained before.

    Args:
        choice: the codec.
        net: trained, in eval mode; it stays as it is.
        cut: where the codec stands.
        data: the train split.
        batch: samples in a step.
        seed: of the coder's first weights and of the order of data.
        folder: where trained coders are kept; nowhere where left out.
        report: called with steps done, steps in all, and a line of text.

    Raises:
        SeesawError: training fails.
    """
    codec, shape = choice.plugin, net.crossing(cut).shape
    trained = codec.trained_as()
    device = next(net.parameters()).device
    frozen = [(parameter, parameter.requires_grad) for parameter in net.parameters()]
    made_of = _made_of(choice, trained, net, cut, batch, seed)
    path = (
        None
        if folder is None
        else folder / f"{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.safetensors"
    )
    with seeded(seed + 7919 * cut):
        coder = trained.coder(shape)
        if path is None or not _read(path, coder, made_of):
            try:
                for parameter, _ in frozen:
                    parameter.requires_grad_(False)
                lent = _Training(net.eval(), cut, data, trained, batch, seed, report)
                trained.fit(coder.to(device), lent)
            finally:
                for parameter, needed in frozen:
                    parameter.requires_grad_(needed)
            coder.cpu().eval().requires_grad_(False).finish()
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                state = {name: tensor.clone().contiguous() for name, tensor in coder.state_dict().items()}
                write_whole(path, save_tensors(state, {KEY: made_of}), "--runs")
    return FittedCodec(coder=codec.used(coder.eval()), shape=shape)


def codec_cuts(choice: Choice[LearnedCodec], net: Net) -> list[int]:
    """The inner cuts of a network at which a codec is trained.

    Raises:
        SeesawError: it names a cut that the network does not have.
    """
    inner = range(1, len(net.stages))
    if wrong := next((k for k in choice.plugin.cuts if k not in inner), None):
        raise SeesawError(
            f"{choice.spec} names cut {wrong}, and this network has the inner cuts 1 to {len(net.stages) - 1}. Name one of them."
        )
    return [k for k in inner if choice.plugin.is_at(k)]


def _made_of(
    choice: Choice[LearnedCodec], trained: LearnedCodec, net: Net, cut: int, batch: int, seed: int
) -> str:
    """All that a trained coder follows from, as text: settings, origin, cut, seed, and the network's weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    settings = trained.model_dump(mode="json", exclude={"cuts"})
    facts = [choice.name, choice.origin, settings, cut, batch, seed, str(next(net.parameters()).device.type)]
    return json.dumps([*facts, digest.hexdigest()], sort_keys=True)


def _read(path: Path, coder: Coder, made_of: str) -> bool:
    """Give a coder the state that was kept of the same training; False where there is none."""
    try:
        data = path.read_bytes()
        if _metadata(data).get(KEY) != made_of:
            return False
        coder.load_state_dict(load_tensors(data))
    except (OSError, SafetensorError, RuntimeError, ValueError):
        return False
    return True


def _metadata(data: bytes) -> dict[str, str]:
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]).get("__metadata__", {})
