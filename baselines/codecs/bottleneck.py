"""BottleNet++: a narrow latent trained for the right answer, with the channel's noise in between (Shao and Zhang, ICC
Workshops 2020).

Encoder, channel and decoder are one network with the rest, which stays as it is here: the cross-entropy of the last exit
trains the coder alone. `noise` stands for an analog channel: white noise on the latent, in training only.
"""

from typing import Annotated

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from baselines.codecs.waist import LevelCoder, Waist
from bench import Coder, Lesson


class Bottleneck(Waist):
    """A narrow latent, trained by the cross-entropy of the last exit."""

    noise: Annotated[float, Field(ge=0, le=1)] = 0.0
    """deviation of the noise on the latent, from 0 to 1, in training"""

    def coder(self, shape: tuple[int, ...]) -> Coder:
        return LevelCoder(shape, self.channels, self.stride, self.bits, self.through, self.noise)

    def loss(self, coder: Coder, lesson: Lesson) -> Tensor:
        return F.cross_entropy(lesson.after(coder(lesson.feature)[0]).logits, lesson.labels)
