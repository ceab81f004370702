"""Accuracy and calibration of every exit, and the samples on which early and late exits disagree."""

from __future__ import annotations

from scipy.optimize import root_scalar
from torch import Tensor

from bench.records.reading import AT_BOUND, COLDEST, HOTTEST, Reading, Readings
from bench.replay.exits.scores import BINS, calibration_error, top
from bench.replay.trace import Trace


def temperature(logits: Tensor, labels: Tensor) -> float:
    """The T that minimises the mean cross-entropy of logits / T (Guo et al., ICML 2017).

    The slope of that mean by 1/T, E[sum_c p_c z_c - z_label], only rises, so its root is the minimum. T is 1
    where the slope is zero everywhere, and a bound where the root lies beyond it.

    Args:
        logits: (N, classes); samples with a NaN are left out.
        labels: int64 (N,).
    """
    valid = ~logits.isnan().any(1)
    logits, labels = logits[valid].double(), labels[valid]
    of_label = logits.gather(1, labels[:, None])
    ahead = logits - of_label  # a number added to all logits of a sample changes nothing

    def slope(inverse: float) -> float:
        return float(((logits * inverse).softmax(1) * ahead).sum(1).sum())

    hot, cold = slope(1 / HOTTEST), slope(1 / COLDEST)
    if hot == cold == 0:
        return 1.0
    if hot >= 0 or cold <= 0:
        return HOTTEST if hot >= 0 else COLDEST
    return 1 / root_scalar(slope, bracket=(1 / HOTTEST, 1 / COLDEST), xtol=1e-9).root


def accuracies(calibration: Trace, test: Trace) -> list[Readings]:
    """Readings of every exit: `top1`, `top5` on the test, `calibration.top1` on the calibration split."""
    return [
        {f"top{k}": _accuracy(test_logits, test, k, "test split") for k in (1, 5)}
        | {"calibration.top1": _accuracy(calibration_logits, calibration, 1, "calibration split")}
        for calibration_logits, test_logits in zip(calibration.logits, test.logits, strict=True)
    ]


def _accuracy(logits: Tensor, split: Trace, k: int, source: str) -> Reading:
    return Reading(value=top(logits, split.labels, k), unit="share", source=source, n=len(split.labels))


def calibrated(calibration: Trace, test: Trace) -> list[Readings]:
    """Readings of every exit: its temperature, set on the calibration split, and its calibration error on the
    test split without and with that temperature.
    """
    source = f"test split, {BINS} bins of equal width"
    readings: list[Readings] = []
    for calibration_logits, test_logits in zip(calibration.logits, test.logits, strict=True):
        scale = temperature(calibration_logits, calibration.labels)
        scaled = {"ece": test_logits, "ece.scaled": test_logits / scale}
        bound = AT_BOUND if scale in (COLDEST, HOTTEST) else ""
        readings.append(
            {
                "temperature": Reading(
                    value=scale, unit="one", source=f"calibration split, least cross-entropy{bound}"
                )
            }
            | {
                name: Reading(value=calibration_error(logits, test.labels), unit="share", source=source)
                for name, logits in scaled.items()
            }
        )
    return readings


def disagreements(test: Trace) -> list[Readings]:
    """Readings of every exit: the share of samples on which it is right and the last exit is wrong
    (overthinking: Kaya et al., ICML 2019), and the reverse (underthinking).
    """
    right = test.correct
    return [
        {"overthinking": _share(early & ~right[-1]), "underthinking": _share(~early & right[-1])}
        for early in right
    ]


def disagreement(test: Trace) -> Readings:
    """Readings of the network: the share of samples on which some early exit is right and the last one is
    wrong, and the share on which only the last one is right. Empty for a network of one exit.
    """
    right = test.correct
    if len(right) == 1:
        return {}
    early = right[:-1].any(0)
    return {"overthinking": _share(early & ~right[-1]), "underthinking": _share(~early & right[-1])}


def _share(samples: Tensor) -> Reading:
    count = len(samples)
    return Reading(value=int(samples.sum()) / count, unit="share", source="test split", n=count)
