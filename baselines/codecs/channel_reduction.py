"""Channel reduction: a layer of few channels in 8 bits, trained by generalised head network distillation (Matsubara et al.,
Neural Compression and Filtering, 2020; Head Network Distillation, IEEE Access 2020).

The network without the coder teaches: the squared differences of every later stage's feature, and of the feature at the cut
itself, are added up.
"""

import torch.nn.functional as F
from torch import Tensor

from baselines.codecs.waist import Waist
from bench import Coder, Lesson


class ChannelReduction(Waist):
    """A narrow latent, trained by what later stages make of it (generalised head network distillation)."""

    def loss(self, coder: Coder, lesson: Lesson) -> Tensor:
        arrived = coder(lesson.feature)[0]
        own = [arrived, *lesson.after(arrived).features]
        theirs = [lesson.feature, *lesson.taught.features]
        return sum((F.mse_loss(a, b) for a, b in zip(own, theirs, strict=True)), arrived.new_zeros(()))
