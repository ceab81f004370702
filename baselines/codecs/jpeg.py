"""Feature maps as a JPEG: tiled into one grey picture of 8 bits (Choi and Bajic, Deep Feature Compression, ICIP 2018).

The picture is a whole file with its tables, which take some 300 bytes: small features gain nothing.
"""

from typing import ClassVar

from baselines.codecs.tiles import Tiles


class Jpeg(Tiles):
    """The feature as one grey JPEG, its maps side by side, and 8 bytes for minimum and step."""

    format: ClassVar[str] = "JPEG"
