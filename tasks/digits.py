"""The 1,797 handwritten digits of 8x8 that come inside scikit-learn (Alpaydin & Kaynak, UCI 1998)."""

from pathlib import Path
from typing import Any

import numpy as np

from bench import About, Data, Recipe, Sample, Scale, hold_out
from tasks.distort import Distorted
from tasks.images import split_of


class Digits(Distorted):
    """Handwritten digits, 8x8 grey, 10 classes, 1,797 images; nothing to download."""

    def about(self) -> About:
        recipe = Recipe(epochs=30, batch=64, optimizer="adamw", lr=5e-3, weight_decay=1e-2, crop=1)
        return About(10, Sample((1, 8, 8)), recipe)

    def data(self, root: Path, seed: int) -> Data:
        from sklearn.datasets import load_digits

        digits: Any = load_digits()
        images = np.round(digits.images * (255 / 16)).astype(np.uint8)
        rest, test = hold_out(split_of(images, digits.target), 450)
        train, calibration = hold_out(rest, 150, seed=1)
        scale = Scale((0.3053,), (0.3760,))
        return Data(train, calibration, self.distort(test, scale), scale)
