"""A factorised prior: how likely each whole number of a latent's channel is, learned, and coded by (Balle et al., Variational
Image Compression with a Scale Hyperprior, ICLR 2018, appendix 6.1).

Of each channel a cumulative distribution F is learned, a small monotone network; a number y has the probability
F(y + 1/2) - F(y - 1/2). Training adds uniform noise in place of rounding. Coding uses tables of these probabilities, which
lie beside the weights, so that encoder and decoder cannot differ; a number outside its table is written as it is.
"""

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench import needing

WIDTHS = (1, 3, 3, 3, 1)
LEAST = 1e-9
"""The least probability of a number, as in the paper's code."""
MOST = 127
"""The largest number, up or down from the median, that a table holds; beyond stands an escape."""
TAIL = 1e-6
"""What a table leaves out at either end."""
RAW = 1 << 20
"""Bounds of a number that is written as it is."""


class Prior(nn.Module):
    """A distribution of whole numbers for each channel.

    Args:
        channels: of the latent.
    """

    median: Tensor
    """of each channel, whole numbers"""
    tables: Tensor
    """probabilities by channel, from `MOST` below the median to `MOST` above, then of the escape"""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        scale = 10 ** (1 / (len(WIDTHS) - 1))
        self.matrices, self.biases, self.factors = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        for before, after in pairwise(WIDTHS):
            start = float(np.log(np.expm1(1 / (scale * after))))
            self.matrices.append(nn.Parameter(torch.full((channels, after, before), start)))
            self.biases.append(nn.Parameter(torch.rand(channels, after, 1) - 0.5))
            self.factors.append(nn.Parameter(torch.zeros(channels, after, 1)))
        self.register_buffer("median", torch.zeros(channels))
        self.register_buffer("tables", torch.zeros(channels, 2 * MOST + 2))

    def cumulative(self, x: Tensor) -> Tensor:
        """The logits of F at numbers (channels, 1, n)."""
        last = len(self.matrices) - 1
        for number, (matrix, bias, factor) in enumerate(
            zip(self.matrices, self.biases, self.factors, strict=True)
        ):
            x = F.softplus(matrix) @ x + bias
            if number < last:
                x = x + torch.tanh(factor) * torch.tanh(x)
        return x

    def probability(self, x: Tensor) -> Tensor:
        """The probability of the unit interval around each number, (channels, 1, n)."""
        low, high = self.cumulative(x - 0.5), self.cumulative(x + 0.5)
        sign = -torch.sign(low + high).detach()  # on the side where differences are exact
        return (torch.sigmoid(sign * high) - torch.sigmoid(sign * low)).abs()

    def bits(self, latent: Tensor) -> Tensor:
        """The bits of each sample of a latent, (N, channels, ...)."""
        flat = latent.transpose(0, 1).reshape(self.channels, 1, -1)
        each = -torch.log2(self.probability(flat).clamp(min=LEAST))
        return each.reshape(self.channels, len(latent), -1).sum((0, 2))

    @torch.no_grad()
    def settle(self) -> None:
        """Find medians and make the tables: probabilities from MOST below the median to MOST above, then the escape."""
        low, high = torch.full((self.channels, 1, 1), -1e4), torch.full((self.channels, 1, 1), 1e4)
        for _ in range(60):
            middle = (low + high) / 2
            below = self.cumulative(middle) < 0
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        self.median.copy_(((low + high) / 2).reshape(-1).round())
        steps = torch.arange(-MOST, MOST + 1.0)[None, None]
        tables = self.probability(self.median[:, None, None] + steps)[:, 0].double()
        tables = torch.where(tables < TAIL, torch.zeros_like(tables), tables)
        escape = (1 - tables.sum(1, keepdim=True)).clamp(min=1e-5)
        self.tables.copy_(torch.cat([tables, escape], 1))

    def encode(self, numbers: np.ndarray) -> bytes:
        """Whole numbers, int64 (channels, n), as bytes: those in the tables coded, then the others as they are."""
        with needing("codecs", "Coding by a prior needs"):
            import constriction
        queue = constriction.stream.queue  # pyright: ignore[reportAttributeAccessIssue]
        tables, medians = self.tables.double().numpy(), self.median.numpy().astype(np.int64)
        symbols = numbers - medians[:, None] + MOST
        inside = (symbols >= 0) & (symbols <= 2 * MOST)
        inside &= np.take_along_axis(tables, np.where(inside, symbols, 0), 1) > 0
        coded = np.where(inside, symbols, 2 * MOST + 1).astype(np.int32)
        coder = queue.RangeEncoder()
        for channel, table in zip(coded, tables, strict=True):
            coder.encode(*_narrowed(channel, table))
        outside = numbers[~inside].clip(-RAW, RAW).astype("<i4")
        return coder.get_compressed().astype("<u4").tobytes() + outside.tobytes()

    def decode(self, payload: bytes, count: int) -> np.ndarray:
        """The numbers, int64 (channels, count), of bytes that `encode` wrote.

        Raises:
            ValueError: they are none of this prior.
        """
        with needing("codecs", "Coding by a prior needs"):
            import constriction
        queue = constriction.stream.queue  # pyright: ignore[reportAttributeAccessIssue]
        words = np.frombuffer(payload, "<u4").astype(np.uint32)
        coder = queue.RangeDecoder(words)
        coded = np.empty((self.channels, count), np.int64)
        for channel, table in enumerate(self.tables.double().numpy()):
            coded[channel] = _widened(coder, table, count)
        outside = coded == 2 * MOST + 1
        numbers = coded - MOST + self.median.numpy().astype(np.int64)[:, None]
        others = int(np.count_nonzero(outside))
        if others > len(words):
            raise ValueError(f"{len(payload)} bytes for {others} numbers beside the coded ones")
        if others:
            numbers[outside] = np.frombuffer(payload[len(payload) - 4 * others :], "<i4")
            if np.abs(numbers[outside]).max() > RAW:
                raise ValueError(f"a number beyond {RAW:,}, which no encoder writes")
        return numbers


def _model(table: np.ndarray):
    """The table without the numbers that never come, and which those are not."""
    import constriction

    categorical = constriction.stream.model.Categorical  # pyright: ignore[reportAttributeAccessIssue]

    there = np.flatnonzero(table > 0)
    if len(there) == 1:  # the coder wants two symbols
        there = np.array([there[0], (there[0] + 1) % len(table)])
    probabilities = np.maximum(table[there], 1e-6)
    return there, categorical(probabilities / probabilities.sum(), perfect=False)


def _narrowed(channel: np.ndarray, table: np.ndarray):
    there, model = _model(table)
    return np.searchsorted(there, channel).astype(np.int32), model


def _widened(coder, table: np.ndarray, count: int) -> np.ndarray:
    there, model = _model(table)
    return there[coder.decode(model, count)] if count else np.zeros(0, np.int64)
