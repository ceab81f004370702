"""Inputs of `seesaw device`: samples of the network's task, or pictures, as the network takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import SeesawError, needing

if TYPE_CHECKING:
    from torch import Tensor

    from bench.shipping.serving.device import Device

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


@dataclass
class Input:
    """One sample to answer: the tensor as the network takes it, its label where one is known, and where it comes from."""

    x: Tensor
    label: int | None = None
    source: str = ""


def inputs_of(own: Device, what: str, data: Path, samples: int | None) -> tuple[Iterator[Input], int]:
    """The samples to answer, and how many there are.

    Args:
        own: the device that will answer.
        what: `task`, or the path of pictures.
        data: folder of data sets.
        samples: how many are wanted; all for None.

    Raises:
        SeesawError: there are none, or the task is not to be had here.
    """
    from bench.kinds.task import Scale

    if what == "task":
        return _of_task(own, data, samples)
    path = Path(what)
    files = (
        [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.suffix.lower() in PICTURES)
    )
    files = files[:samples]
    if not files:
        raise SeesawError(
            f"{path} holds no pictures ({', '.join(PICTURES)}). Name a folder of pictures, or --input task."
        )
    scale, shape = own.manifest.scale, own.manifest.shape
    if scale is None:
        raise SeesawError(
            f"{own.locals[0].shipped.folder} does not say how pictures become inputs. Pack the network again, or give --input task."
        )
    return (Input(_picture(one, shape, Scale(scale.mean, scale.std)), source=str(one)) for one in files), len(
        files
    )


def _of_task(own: Device, data: Path, samples: int | None) -> tuple[Iterator[Input], int]:
    """Samples of the test split of the network's task."""
    from bench.kinds.task import Task, data_of
    from bench.network.pretrained import without_hub
    from bench.plugins.plugin import choose
    from bench.shipping.manifest import announced

    manifest = own.manifest
    announced(manifest.task)
    with without_hub():
        splits = data_of(choose(Task, manifest.task).plugin, manifest.inputs, data, manifest.seed)
    count = min(samples or len(splits.test.labels), len(splits.test.labels))
    labels = splits.test.labels[:count].tolist()
    return (
        Input(splits.scale(splits.test.inputs[number : number + 1]), labels[number], str(number))
        for number in range(count)
    ), count


def _picture(path: Path, shape: Sequence[int], scale: Callable[[Tensor], Tensor]) -> Tensor:
    """A picture as the network takes it: its middle square at the network's size, its channels as many."""
    with needing("codecs", "Pictures need"):
        from PIL import Image, ImageOps
    import numpy as np
    import torch

    channels, height, width = shape
    try:
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB" if channels == 3 else "L")
            fitted = ImageOps.fit(upright, (width, height), Image.Resampling.BILINEAR)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise SeesawError(
            f"{path} is no picture that can be read ({error}). Take it out of the folder."
        ) from error
    pixels = torch.from_numpy(np.array(fitted)).reshape(height, width, -1).permute(2, 0, 1)
    return scale(pixels[None].contiguous())
