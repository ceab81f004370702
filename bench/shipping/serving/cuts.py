"""Cuts that were shipped: folders of `seesaw pack --cut`, found, opened for one side, and told apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from bench.errors import SeesawError
from bench.kinds.codec import Codec
from bench.kinds.frame import HEAD, MAX_SIZES
from bench.kinds.task import Scale
from bench.network.crossing import Crossing
from bench.network.net import Part
from bench.plugins.plugin import choose
from bench.shipping.codec_files import Side, open_codec
from bench.shipping.manifest import MANIFEST, Manifest, open_stretches, read_manifest, scale_of

USUAL = "float32"
"""The codec of a folder that names none."""
MOST_CUTS = 64
"""Folders that one process opens."""
ROOM = 4096
"""Bytes that a codec may add to a feature for its own tables."""


@dataclass(frozen=True)
class ShippedCut:
    """One side of a shipped cut.

    Attributes:
        folder: that it was read from.
        manifest: of the folder.
        part: of the side.
        stretches: the same from exit to exit.
        codec: the side's half.
        crossing: the shapes of what crosses.
    """

    folder: Path
    manifest: Manifest
    part: Part
    stretches: list[Part]
    codec: Codec
    crossing: Crossing

    @property
    def cut(self) -> int:
        """The first stage of the server's part."""
        assert self.manifest.cut is not None
        return self.manifest.cut

    @property
    def key(self) -> tuple[str, int]:
        """The digest of the network's record, and the cut: what a question is addressed to."""
        return self.manifest.record, self.cut

    @property
    def spec(self) -> str:
        """The spec of the codec."""
        return USUAL if self.manifest.codec is None else self.manifest.codec.spec

    @property
    def name(self) -> str:
        """The network in words."""
        return f"{self.manifest.backbone}_{self.manifest.method}"

    @cached_property
    def _scale(self) -> Scale:
        return scale_of(self.manifest.scale)

    def sent(self, x: Tensor) -> Tensor:
        """What the codec takes of a feature, (N, *crossing.joined): itself, or at cut 0 the images of 8 bits, uint8."""
        return self._scale.back(x) if self.codec.content == "input" else x

    def received(self, x: Tensor) -> Tensor:
        """What the server's part takes of what the codec gave: itself, or at cut 0 the images scaled."""
        return self._scale(x) if self.codec.content == "input" else x

    @cached_property
    def most_bytes(self) -> int:
        """The most bytes of a question's message: twice the feature in float32, a codec's tables, logits, and the frames."""
        feature, logits = math.prod(self.crossing.shape), self.crossing.carried * self.crossing.classes
        return 8 * feature + 4 * logits + ROOM + 2 * (HEAD + 4 * MAX_SIZES)


def folders_of(places: list[Path]) -> list[Path]:
    """The folders of shipped cuts at some places: each is one, or holds some.

    Raises:
        SeesawError: there is none, or there are too many.
    """
    found: list[Path] = []
    for place in places:
        inner = (
            [place]
            if (place / MANIFEST).is_file()
            else sorted(path.parent for path in place.glob(f"*/{MANIFEST}"))
        )
        if not inner:
            raise SeesawError(
                f"{place} holds no {MANIFEST}, nor does a folder in it. Give a folder that `seesaw pack --cut K` wrote, or one "
                "that holds several of these."
            )
        found += inner
    if len(found) > MOST_CUTS:
        raise SeesawError(f"These are {len(found)} folders, and one process opens {MOST_CUTS}. Name fewer.")
    return found


def open_cut(folder: Path, side: Side) -> ShippedCut:
    """One side of a shipped cut, as it was packed; no file in the folder is run.

    Raises:
        SeesawError: the folder holds no cut, is damaged, or needs plugins that are not installed.
    """
    manifest = read_manifest(folder)
    if manifest.cut is None or side not in manifest.parts:
        raise SeesawError(f"{folder} holds no part of the {side}. Pack the network with --cut K.")
    part, stretches = open_stretches(folder, side)
    codec = choose(Codec, USUAL).plugin if manifest.codec is None else open_codec(folder, side)
    crossing = part.incoming if side == "server" else part.outgoing
    if codec.content == "input":
        scale_of(manifest.scale)  # an older folder is refused now, and not at the first question
    return ShippedCut(folder, manifest, part, stretches, codec, crossing)


def by_key(cuts: list[ShippedCut]) -> dict[tuple[str, int], ShippedCut]:
    """Cuts by what questions are addressed to.

    Raises:
        SeesawError: two folders hold the same cut of the same network.
    """
    found: dict[tuple[str, int], ShippedCut] = {}
    for one in cuts:
        other = found.setdefault(one.key, one)
        if other is not one:
            raise SeesawError(
                f"{other.folder} and {one.folder} hold the same cut {one.cut} of {one.name}. Leave one of them out."
            )
    return found
