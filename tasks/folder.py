"""A user's own images: a folder a class, or arrays, or idx files; resized to one size and kept as uint8."""

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from PIL import Image, UnidentifiedImageError
from pydantic import AfterValidator, Field

from bench import About, Count, Data, Positive, Recipe, Sample, Scale, SeesawError, Split, hold_out
from tasks.images import ImageTask, fingerprint, read_arrays, read_idx, split_of

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
LAYOUTS = (
    "PATH/train/CLASS/*.png and PATH/test/CLASS/*.png, or PATH/CLASS/*.png, "
    "or PATH/train.npz and PATH/test.npz, or the four idx files of the MNIST family"
)


class Folder(ImageTask):
    """Your own images: folder[path=DIR] with a folder a class, or arrays, or idx files."""

    mean: tuple[float, ...] = ()
    """of each channel on the scale 0..1, subtracted; the training images' own where left out"""
    std: tuple[Positive, ...] = ()
    """of each channel on the scale 0..1, divided by; the training images' own where left out"""
    path: Annotated[str, AfterValidator(lambda path: str(Path(path)) if path else path)] = ""
    """the folder"""
    size: Annotated[int, Field(ge=4, le=1024)] = 32
    """height and width that every image is scaled and cropped to"""
    colour: Literal["rgb", "grey"] = "rgb"
    """rgb gives 3 channels, grey 1"""
    epochs: Count = 30
    """passes over the train split"""
    flip: bool = True
    """whether to mirror images at random while training"""
    held: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """share held out as the test split where the folder has none"""

    @property
    def root(self) -> Path:
        """The folder.

        Raises:
            SeesawError: there is none.
        """
        root = Path(self.path).expanduser()
        if not self.path or not root.is_dir():
            missing = f"{self.path} is no folder" if self.path else "The task folder needs a path"
            raise SeesawError(f"{missing}. Write folder[path=DIR] with {LAYOUTS}.")
        return root

    @property
    def names(self) -> list[str]:
        """Names of the classes, sorted; empty for arrays and idx files."""
        top = self.root / "train" if (self.root / "train").is_dir() else self.root
        return sorted(d.name for d in top.iterdir() if d.is_dir() and any(_images(d)))

    def about(self) -> About:
        names = self.names
        classes = len(names) if names else 1 + max(int(split.labels.max()) for split in self._splits())
        recipe = Recipe(
            epochs=self.epochs, batch=64, optimizer="adamw", lr=3e-3, weight_decay=1e-2,
            crop=self.size // 8, flip=self.flip,
        )  # fmt: skip
        return About(classes, Sample(self._shape), recipe)

    @property
    def _shape(self) -> tuple[int, int, int]:
        return 3 if self.colour == "rgb" else 1, self.size, self.size

    def identity(self, root: Path) -> dict[str, Any]:
        """A digest of the files: two folders at one path, or one folder changed, are different data."""
        return {"files": fingerprint([p for p in self.root.rglob("*") if p.is_file()], self.root)}

    def data(self, root: Path, seed: int) -> Data:
        parts = self._splits()
        train, test = (
            parts if len(parts) == 2 else hold_out(parts[0], round(self.held * len(parts[0].labels)))
        )
        return self._parted(train, test, self._scale(train))

    def _scale(self, train: Split) -> Scale:
        """Mean and deviation as set, else each channel's own, over training images at equal steps."""
        values = train.inputs[:: max(1, len(train.inputs) >> 12)].float() / 255
        mean = self.mean or tuple(values.mean((0, 2, 3)).tolist())
        return Scale(mean, self.std or tuple(values.std((0, 2, 3)).clamp(min=1e-3).tolist()))

    def _splits(self) -> list[Split]:
        """The train and the test split, or one split that is still to be parted."""
        if (self.root / "train.npz").exists():
            return [self._fit(read_arrays(self.root / f"{name}.npz")) for name in ("train", "test")]
        if splits := read_idx(self.root):
            return [self._fit(split) for split in splits]
        if not self.names:
            raise SeesawError(f"{self.root} holds no images that Seesaw knows. Put there {LAYOUTS}.")
        tops = [self.root / name for name in ("train", "test")]
        if len(self.names) < 2:
            raise SeesawError(
                f"{self.root} holds one class, {self.names[0]}. Put a folder for every class there."
            )
        if (self.root / "train").is_dir() and not (self.root / "test").is_dir():
            tops = tops[:1]
        return [self._decode(top) for top in (tops if tops[0].is_dir() else [self.root])]

    def _decode(self, top: Path) -> Split:
        """The images below `top`, which holds a folder for each class."""
        names = self.names
        unknown = {d.name for d in top.iterdir() if d.is_dir() and any(_images(d))} - set(names)
        if unknown:
            raise SeesawError(
                f"{top} has classes that training lacks: {', '.join(sorted(unknown))}. Add or remove them."
            )
        files = [(path, label) for label, name in enumerate(names) for path in sorted(_images(top / name))]
        if not files:
            raise SeesawError(f"{top} holds no images. Put a folder for every class there, or remove it.")
        images = np.stack([self._open(path) for path, _ in files])
        return split_of(images, np.array([label for _, label in files]))

    def _open(self, path: Path) -> np.ndarray:
        try:
            with Image.open(path) as picture:
                return np.asarray(self._resized(picture))
        except (
            OSError,
            UnidentifiedImageError,
            Image.DecompressionBombError,
            SyntaxError,
            ValueError,
        ) as error:
            raise SeesawError(f"{path} is no whole image ({error}). Replace or remove it.") from error

    def _resized(self, picture: Image.Image) -> Image.Image:
        """A picture in the task's colour and size: the shorter side scaled, the longer cropped in the middle."""
        if picture.mode.startswith("I"):  # 16 bits a pixel: Pillow would clip them to 255 instead of scaling
            picture = Image.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8))
        if picture.mode == "F":
            raise ValueError(
                "pixels are floating-point numbers of no known scale; save 8 or 16 bits a channel"
            )
        picture = picture.convert("RGB" if self.colour == "rgb" else "L")
        scale = self.size / min(picture.size)
        width, height = (max(self.size, round(side * scale)) for side in picture.size)
        left, top = (width - self.size) // 2, (height - self.size) // 2
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        return picture.crop((left, top, left + self.size, top + self.size))

    def _fit(self, split: Split) -> Split:
        """Arrays in the task's colour and size."""
        if split.inputs.shape[1] not in (1, 3, 4):
            raise SeesawError(
                f"{self.root} holds arrays of {split.inputs.shape[1]} channels. Write 1, 3 or 4 (with an alpha)."
            )
        if tuple(split.inputs.shape[1:]) == self._shape:
            return split
        pictures = (
            Image.fromarray(one[0].numpy() if len(one) == 1 else one.permute(1, 2, 0).numpy())
            for one in split.inputs
        )
        return Split(
            split_of(np.stack([np.asarray(self._resized(p)) for p in pictures]), np.zeros(1)).inputs,
            split.labels,
        )


def _images(folder: Path) -> list[Path]:
    return (
        [p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()]
        if folder.is_dir()
        else []
    )
