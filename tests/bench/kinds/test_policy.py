import math

import pytest
import torch

from bench import SeesawError, shared_quantiles, without_nan


def test_shared_thresholds_are_scores_at_equal_steps_behind_never():
    scores = torch.tensor([[5.0, 1.0, 3.0], [2.0, math.nan, 4.0], [9.0, 9.0, 9.0]])
    rows = shared_quantiles(scores, 4)
    assert rows.tolist() == [[one] * 3 for one in (math.inf, 5.0, 3.0, 1.0)]


def test_equal_scores_give_one_threshold_and_no_scores_only_never():
    assert shared_quantiles(torch.ones(2, 6), 5).tolist() == [[math.inf] * 2, [1.0] * 2]
    assert shared_quantiles(torch.full((2, 6), math.nan), 5).tolist() == [[math.inf] * 2]


def test_a_sample_with_nan_at_any_exit_is_left_out_with_its_label():
    logits, labels = torch.arange(24.0).reshape(2, 4, 3), torch.arange(4)
    logits[0, 1, 2] = logits[1, 3, 0] = math.nan
    kept, rest = without_nan(logits, labels)
    assert rest.tolist() == [0, 2]
    assert torch.equal(kept, logits[:, [0, 2]])
    logits[:, :, 0] = math.nan
    with pytest.raises(SeesawError, match="has NaN among its logits"):
        without_nan(logits, labels)
