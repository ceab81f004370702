"""An autoencoder of features: trained to give the feature back, whatever it is used for (as BottleNet, Eshratifar et al.,
ISLPED 2019, and the reconstruction-trained bottlenecks of Matsubara et al.'s survey, ACM Computing Surveys 2022).
"""

import torch.nn.functional as F
from torch import Tensor

from baselines.codecs.waist import Waist
from bench import Coder, Lesson


class Reconstruction(Waist):
    """A narrow latent, trained by the squared error of the feature that comes back."""

    def loss(self, coder: Coder, lesson: Lesson) -> Tensor:
        return F.mse_loss(coder(lesson.feature)[0], lesson.feature)
