"""The 1,797 handwritten digits of 8x8 that come inside scikit-learn (Alpaydin & Kaynak, UCI 1998)."""

from importlib.util import find_spec
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
        pixels, labels = _digits()
        images = np.round(pixels * (255 / 16)).astype(np.uint8)
        rest, test = hold_out(split_of(images, labels), 450)
        train, calibration = hold_out(rest, 150, seed=1)
        scale = Scale((0.3053,), (0.3760,))
        return Data(train, calibration, self.distort(test, scale), scale)


def _digits() -> tuple[np.ndarray, np.ndarray]:
    """Pixels, 0 to 16 (1797, 8, 8), and labels: from scikit-learn's own file where it lies, as importing it takes longer."""
    package = find_spec("sklearn")
    for folder in (package and package.submodule_search_locations) or ():
        if (path := Path(folder) / "datasets/data/digits.csv.gz").is_file():
            rows = np.loadtxt(path, delimiter=",")
            return rows[:, :-1].reshape(-1, 8, 8), rows[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    return digits.images, digits.target
