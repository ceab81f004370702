"""For text backbones: the places of a feature that hold a token, and a head that reads those alone.

A feature is (N, width, places): channels first, as everywhere. A place that only pads is zero in every
channel and is recognised by that alone, so nothing but the feature crosses a cut. A codec that loses
something gives back small numbers instead of zeros; a token's features come out of a layer normalisation, so
none of them has all its channels below 1/32 of the sample's largest number (in fewer than 1024 channels it
cannot, without gains).
"""

from typing import Literal

import torch
from torch import Tensor, nn

Pool = Literal["mean", "first"]

PADDING_BELOW = 1 / 32
"""Share of a sample's largest number that every channel of a padded place stays below."""


def token_places(x: Tensor) -> Tensor:
    """Which places of features (N, width, places) hold a token, boolean (N, places); the first always does."""
    largest = x.detach().abs().amax(1)
    return _with_first(largest > PADDING_BELOW * largest.amax(1, keepdim=True))


def token_places_of_ids(ids: Tensor) -> Tensor:
    """Which places of token ids (N, places) hold a token, boolean (N, places); the first always does."""
    return _with_first(ids != 0)


def _with_first(places: Tensor) -> Tensor:
    return places | (torch.arange(places.shape[1], device=places.device) == 0)


def zero_padded(x: Tensor, places: Tensor) -> Tensor:
    """Features (N, places, width) as a stage's output: (N, width, places), zero where no token stands."""
    return (x * places[:, :, None]).transpose(1, 2)


class Pooled(nn.Module):
    """Features (N, width, places) to (N, width): the mean over the tokens, or the first token's."""

    def __init__(self, how: Pool) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "first":
            return x[:, :, 0]
        places = token_places(x)[:, None]
        return (x * places).sum(2) / places.sum(2)
