"""Networks of the library torchvision, by name: every classifier of `torchvision.models`, with its weights if wanted."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench import (
    Captured,
    Preprocessing,
    Sample,
    SeesawError,
    channels_of,
    imagenet_rows,
    needing,
    published,
    weights_wanted,
)

CLASSES = 1000
"""Of ImageNet, which the library's weights are trained for."""

NARROWED = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large")
"""Networks whose constructors take a factor on their widths."""

MADE_FOR = 224
"""Side of the images that most of these networks are made for."""


class Torchvision(Captured):
    """Any classifier of torchvision by its name; its blocks are the stages."""

    name: str = "resnet18"
    """of the network: resnet18, mobilenet_v3_small, efficientnet_b0, vit_b_16, ..."""
    pretrained: bool = False
    """whether its ImageNet weights are loaded: of its classifier the task's classes; for classes that are none of ImageNet's it begins untrained"""

    @property
    def example(self) -> Sample:
        return Sample((3, 32, 32))

    @property
    def narrows(self) -> bool:
        return self.name in NARROWED

    def trained(self, classes: int) -> bool:
        return self.pretrained and (classes == CLASSES or imagenet_rows(self._names, classes) is not None)

    def preprocessing(self) -> Preprocessing | None:
        return _preprocessing(self.weights()) if self.pretrained else None

    def preprocessing_of(self, file: Path, sha256: str) -> Preprocessing | None:
        for entry in self._library().get_model_weights(self.name):
            short = entry.url.rpartition("-")[2].partition(".")[
                0
            ]  # the library's names end in a digest's beginning
            if short and sha256.startswith(short):
                return _preprocessing(entry)
        return None

    def identity(self) -> dict[str, Any]:
        return {"weights": self.file().name} if self.pretrained else {}

    def module(self, sample: Sample, classes: int) -> nn.Module:
        if self.pretrained and self.width != 1:
            raise SeesawError(
                "Published weights are those of the whole width. Leave `pretrained` out, or `width`."
            )
        models = self._library()
        made = models.get_model(self.name, weights=None, num_classes=classes, **self.options(sample))
        made = with_channels(made, channels_of(sample))
        if self.pretrained and weights_wanted():
            load(made, self.state(), self.name, imagenet_rows(self._names, classes))
        return made

    def options(self, sample: Sample) -> dict[str, Any]:
        """What the constructor wants to know beside the classes."""
        if self.name.startswith("vit_"):
            return {"image_size": sample.shape[-1]}
        if self.name.startswith("maxvit_"):
            return {"input_size": sample.shape[-2:]}
        if self.width != 1:
            return {"width_mult": self.width}
        return {"aux_logits": False} if self.name in ("googlenet", "inception_v3") else {}

    def _library(self) -> Any:
        """torchvision.models, which has the network.

        Raises:
            SeesawError: it has not.
        """
        models = _models()
        names = models.list_models(module=models)
        if self.name not in names:
            near = difflib.get_close_matches(self.name, names, n=3)
            raise SeesawError(
                f"torchvision has no classifier {self.name!r}. Choose another, such as {', '.join(near or names[:3])}."
            )
        return models

    def weights(self) -> Any:
        """The library's entry for the weights."""
        return self._library().get_model_weights(self.name).DEFAULT

    def file(self) -> Path:
        """The place of the weights on this machine, in the library's cache."""
        return Path(torch.hub.get_dir(), "checkpoints", self.weights().url.rpartition("/")[2])

    def state(self) -> dict[str, Tensor]:
        """The weights by name, from the library's cache or from where it fetches them."""
        entry, file = self.weights(), self.file()

        def read(fetch: bool) -> dict[str, Tensor]:
            if not (fetch or file.is_file()):
                raise FileNotFoundError(f"there is no {file}")
            return entry.get_state_dict(progress=False, check_hash=True, map_location="cpu")

        return published(
            f"The file {file.name} of {self.name}",
            read,
            "Put it into torch.hub's folder `checkpoints`, or leave pretrained out and name a file: --weights FILE.",
        )


def _preprocessing(entry: Any) -> Preprocessing:
    """What the library's transforms do for these weights."""
    transforms = entry.transforms()
    size, shorter = transforms.crop_size[0], transforms.resize_size[0]
    return Preprocessing(
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        size=size,
        interpolation=transforms.interpolation.value,
        crop=min(1.0, size / shorter),
        source=f"torchvision's {entry}",
    )


def _models() -> Any:
    with needing("lab", "This backbone needs the library"):
        from torchvision import models
    return models


def with_channels(module: nn.Module, channels: int) -> nn.Module:
    """The same network for images of so many channels: its first convolution is made anew where it takes others."""
    path, first = next((name, one) for name, one in module.named_modules() if isinstance(one, nn.Conv2d))
    if first.in_channels != channels:
        other = nn.Conv2d(
            channels,
            first.out_channels,
            first.kernel_size,  # type: ignore[arg-type]
            first.stride,  # type: ignore[arg-type]
            first.padding,  # type: ignore[arg-type]
            bias=first.bias is not None,
        )
        parent, _, own = path.rpartition(".")
        setattr(module.get_submodule(parent), own, other)
    return module


def load(module: nn.Module, state: dict[str, Tensor], name: str, rows: Sequence[int] | None = None) -> None:
    """Give a network published weights; of a classifier for a thousand classes the given rows.

    Without rows a classifier for other classes stays as it is.

    A first convolution for grey images takes the sum over the colours, which is what it would see of a grey image.

    Raises:
        SeesawError: other tensors differ in shape.
    """
    own = module.state_dict()
    taken = {key: tensor for key, tensor in state.items() if key in own}
    for key, tensor in list(taken.items()):
        shape = own[key].shape
        if tensor.shape == shape:
            continue
        if tensor.dim() == 4 and shape == (tensor.shape[0], 1, *tensor.shape[2:]):
            taken[key] = tensor.sum(1, keepdim=True)
        elif tensor.shape[0] == CLASSES and tensor.shape[1:] == shape[1:]:
            if rows is None:
                del taken[key]
            else:
                taken[key] = tensor[list(rows)]
        else:
            raise SeesawError(
                f"The weights of {name} have {tuple(tensor.shape)} for {key}, and the network for these samples {tuple(shape)}. "
                f"Bring images to the weights' own size (size={MADE_FOR}), or leave pretrained out."
            )
    module.load_state_dict(taken, strict=False)
