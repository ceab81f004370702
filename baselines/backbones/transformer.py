"""Transformer encoder (Vaswani et al., NeurIPS 2017), trained from scratch on token ids; every layer is a stage.

Each layer normalises after its additions, as BERT does (Devlin et al., NAACL 2019): so an exit can hang on
any of them. The embedding, with a learnt vector for every place, belongs to the first stage.
"""

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from baselines.backbones.places import Pool, Pooled, token_places, token_places_of_ids, zero_padded
from bench import Backbone, Count, Sample, Share, places_of

TOKEN, PLACE = 0.02, 0.002
"""Deviations of the vectors before training: BERT's for tokens, and less for places, of which the last are rarely seen."""

EXPANSION = 4
"""Width between the two linear layers, over that of a token."""


class Transformer(Backbone):
    """Transformer encoder for text, trained from scratch; every layer a stage, padding left out of attention."""

    width: Annotated[int | float, Field(gt=0)] = 256
    """channels of a token, rounded to a multiple of the heads"""
    layers: Count = 12
    """of the encoder"""
    heads: Count = 4
    """of attention, in every layer"""
    dropout: Share = 0.1
    """share of a layer's numbers dropped in training"""
    pool: Pool = "mean"
    """input of a classifier: the mean over the tokens, or the first one"""

    @property
    def example(self) -> Sample:
        return Sample((12,), torch.int64, vocabulary=40)

    def stages(self, sample: Sample) -> list[nn.Module]:
        width = self.heads * max(1, round(self.width / self.heads))
        stages: list[nn.Module] = [EncoderLayer(width, self.heads, self.dropout) for _ in range(self.layers)]
        embedding = Embedding(sample.vocabulary, places_of(sample), width, self.dropout)
        return [nn.Sequential(embedding, stages[0]), *stages[1:]]

    def head(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Sequential(Pooled(self.pool), nn.Linear(shape[0], classes))


class Embedding(nn.Module):
    """Token ids (N, places) to features (N, width, places): a vector a token and one a place, normalised."""

    def __init__(self, vocabulary: int, places: int, width: int, dropout: float) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(places, width)
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        nn.init.normal_(self.tokens.weight, std=TOKEN)
        nn.init.normal_(self.places.weight, std=PLACE)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.places.weight[: ids.shape[1]]
        return zero_padded(self.dropout(self.norm(x)), token_places_of_ids(ids))


class EncoderLayer(nn.Module):
    """Attention among the tokens, then two linear layers at each, both beside a shortcut and normalised after it."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        inner = EXPANSION * width
        self.inner = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        places, x = token_places(x), x.transpose(1, 2)
        x = self.norm1(x + self.dropout(self.attention(x, places)))
        x = self.norm2(x + self.dropout(self.inner(x)))
        return zero_padded(x, places)


class Attention(nn.Module):
    """Every token looks at all tokens of its text, through several heads: (N, places, width) to the same."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        query, key, value = (
            layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=places[:, None, None])
        return self.out(mixed.transpose(1, 2).flatten(2))
