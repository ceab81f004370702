"""Scores of logits: top-k accuracy and calibration error, by torchmetrics, once for each split and exit."""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 15
"""The number of bins of confidence in a calibration error."""
_BELOW = 1 - torch.finfo(torch.float32).eps
"""A factor for confidences. In torchmetrics a bin holds its lower end, and a confidence of 1 has a bin of its
own; made smaller by so little, a confidence lies in the bin that holds its upper end, as in the paper."""


def top(logits: Tensor, labels: Tensor, k: int = 1) -> float:
    """The share of samples whose label is among the k largest logits; 1 of no more than k classes.

    It is a quotient of counts in float64: a mean in float32 misses the share by 1e-8.

    Args:
        logits: (N, classes).
        labels: int64 (N,).
        k: how many of a sample's largest logits count.
    """
    classes = logits.shape[-1]
    if classes <= k:
        return 1.0
    from torchmetrics.functional.classification import multiclass_stat_scores  # seconds, so not before

    scores = multiclass_stat_scores(logits, labels, classes, average="micro", top_k=k, validate_args=False)
    return int(scores[0]) / len(labels)


def calibration_error(logits: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """Expected calibration error: the mean distance of confidence and accuracy over bins of equal width.

    Args:
        logits: (N, classes); samples with a NaN are left out, and where none remains the error is 0.
        labels: int64 (N,).
        bins: of the largest softmax probability; a bin holds its upper end (Guo et al., ICML 2017).
    """
    valid = ~logits.isnan().any(1)
    if not bool(valid.any()):
        return 0.0
    from torchmetrics.functional.classification import multiclass_calibration_error

    shares = logits[valid].double().softmax(1) * _BELOW
    return float(
        multiclass_calibration_error(shares, labels[valid], shares.shape[1], n_bins=bins, validate_args=False)
    )
