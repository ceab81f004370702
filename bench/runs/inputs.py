"""Inputs: how a run's images are scaled: as its weights were trained, where anything says how that was."""

from __future__ import annotations

import json
import logging
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.arrays import hold_plain
from bench.errors import SeesawError
from bench.files import read_plain
from bench.kinds.backbone import Backbone
from bench.kinds.bases.captured import Captured
from bench.kinds.task import About, Task
from bench.network.net import Sample
from bench.plugins.plugin import Choice
from bench.records.setup import Preprocessing, Recipe

log = logging.getLogger("seesaw")

CONFIGS = ("config.json", "preprocessor_config.json")
"""Files that hubs lay beside weights; the first is timm's, the second transformers'."""
MOST_CONFIG = 1 << 20
RESAMPLING = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""Pillow's numbers, by which transformers names interpolations."""


def preprocessing(
    task: Choice[Task],
    sample: Sample,
    backbone: Backbone,
    recipe: Recipe,
    weights: Path | None,
    sha256: str | None,
) -> Preprocessing | None:
    """How images are scaled for the weights that a run begins with; None where the task's own way holds.

    First come the recipe's mean and std, then those that the task's spec names; then what is on record of the weights: by the
    backbone's library, or by a configuration beside a file. What is done is said in one line wherever it could be
    another.

    Args:
        task: of the run.
        sample: of the task.
        backbone: of the run.
        recipe: with mean and std, where --set names them.
        weights: the file that is loaded, if one is.
        sha256: of that file.

    Raises:
        SeesawError: only one of mean and std is named.
    """
    if len(recipe.mean) != len(recipe.std):
        raise SeesawError(
            "mean and std belong together. Name both, a number for each channel, joined by ':': --set mean=A:B:C --set std=A:B:C."
        )
    if len(sample.shape) != 3 or sample.vocabulary:
        if recipe.mean:
            raise SeesawError(
                f"mean and std scale images, and {task.spec} has other samples. Leave them out of the recipe."
            )
        return None
    if weights is not None and sha256 is not None:
        own = of_file(backbone, weights, sha256)
    else:
        own = backbone.preprocessing()
    if recipe.mean:
        usual = own or Preprocessing(mean=recipe.mean, std=recipe.std)
        both = {"mean": recipe.mean, "std": recipe.std, "source": "the recipe"}
        return _done(usual.model_copy(update=both), task.plugin, sample, backbone)
    if {"mean", "std"} & task.plugin.model_fields_set:
        if own is not None:
            _tell("Images are scaled by mean and std of the task's spec, not by those of %s.", own.source)
        return None
    if own is None and weights is not None and not _is_ours(weights):
        _tell(
            "Nothing says by which mean and std the images were scaled that %s was trained with, so the task's are used. "
            "Name others: --set mean=A:B:C --set std=A:B:C.",
            weights,
        )
    return None if own is None else _done(own, task.plugin, sample, backbone)


def _done(own: Preprocessing, task: Task, sample: Sample, backbone: Backbone) -> Preprocessing:
    """What of it is done: size and interpolation by backbones that bring images to a size, the crop by tasks that cut it out."""
    resizes = isinstance(backbone, Captured)
    size = (own.size if backbone.size is None else backbone.size) if resizes else None
    cropped = task.fitted(own) != task
    done = {"size": own.size if cropped else size, "crop": own.crop if cropped else 1.0}
    return own.model_copy(update=done).for_channels(sample.shape[0])


def _is_ours(file: Path) -> bool:
    """Whether a file is one that a run has packed, with the task's own scaling or the record's."""
    from safetensors import SafetensorError, safe_open

    try:
        hold_plain(file)
        with safe_open(file, "pt") as opened:
            return "packed" in (opened.metadata() or {})
    except (SafetensorError, OSError):
        return False


@cache
def _tell(line: str, *values: object) -> None:
    """Say a line once in a process, however many runs it is true of."""
    log.warning(line, *values)


def announce(found: Preprocessing | None, about: About) -> None:
    """Say in one line by what images are scaled, where that is not the task's way."""
    if found is None:
        return
    numbers = ", ".join(
        f"{name} {':'.join(f'{value:.4g}' for value in values)}"
        for name, values in (("mean", found.mean), ("std", found.std))
    )
    shape = about.sample.shape
    side = (
        f", {found.size} x {found.size} ({found.interpolation})"
        if found.size not in (None, shape[-1])
        else ""
    )
    _tell("Images are scaled as %s says: %s%s.", found.source, numbers, side)


def of_file(backbone: Backbone, file: Path, sha256: str) -> Preprocessing | None:
    """What is on record of a file of weights: by the backbone's library, or in a configuration that lies beside it."""
    if (known := backbone.preprocessing_of(file, sha256)) is not None:
        return known
    for name in CONFIGS:
        path = file.with_name(name)
        if path.is_file() and (found := _of_config(path)) is not None:
            return found
    return None


def _of_config(path: Path) -> Preprocessing | None:
    """The scaling in a configuration; None where it holds none.

    Raises:
        SeesawError: numbers that make no sense.
    """
    try:
        values: Any = json.loads(read_plain(path, MOST_CONFIG))
    except (OSError, ValueError, RecursionError):
        return None  # of another program: weights need no configuration
    if not isinstance(values, dict):
        return None
    values = values.get("pretrained_cfg", values)
    if not isinstance(values, dict):
        return None
    mean, std = (values.get(key, values.get(f"image_{key}")) for key in ("mean", "std"))
    if mean is None or std is None:
        return None
    size = values.get("size")
    shape = values.get("input_size") or [size.get("height") if isinstance(size, dict) else size]
    resample = values.get("resample")
    interpolation = RESAMPLING.get(resample) if isinstance(resample, int) else values.get("interpolation")
    try:
        return Preprocessing.model_validate(
            {
                "mean": mean,
                "std": std,
                "size": shape[-1],
                "interpolation": interpolation or "bilinear",
                "crop": values.get("crop_pct") or 1.0,
                "source": path.name,
            }
        )
    except (ValidationError, TypeError, IndexError, KeyError) as error:
        raise SeesawError(
            f"{path} lies beside the weights and its mean, std, size or interpolation cannot be read. Mend or remove it."
        ) from error
