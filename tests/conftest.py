import os
import warnings

import pytest
import torch

os.environ["WANDB_MODE"] = "disabled"

warnings.filterwarnings("ignore", category=FutureWarning)


@pytest.fixture(autouse=True)
def _one_seed():
    torch.manual_seed(0)


@pytest.fixture
def places(tmp_path):
    """Folders of one run: records, runs and data."""
    return {name: tmp_path / name for name in ("records", "runs", "data")}
