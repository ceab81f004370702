"""Feature maps as a WebP (VP8, lossy): tiled into one grey picture of 8 bits, as `jpeg` does with another coder."""

from typing import ClassVar

from baselines.codecs.tiles import Tiles


class Webp(Tiles):
    """The feature as one WebP, its maps side by side, and 8 bytes for minimum and step."""

    format: ClassVar[str] = "WEBP"
