"""Answers of exits: accuracy, how well probabilities are calibrated, and where early and late exits disagree."""

from __future__ import annotations

from scipy.optimize import root_scalar
from torch import Tensor

from bench.records.reading import Reading, Readings
from bench.replay.exits.scores import BINS, calibration_error, top
from bench.replay.trace import Trace

COLDEST, HOTTEST = 0.01, 100.0
"""Between which a temperature is looked for; logits that are always right would take 0."""


def temperature(logits: Tensor, labels: Tensor) -> float:
    """The T that minimises the mean cross-entropy of logits / T (Guo et al., ICML 2017).

    The slope of that mean by 1/T, E[sum_c p_c z_c - z_label], only rises, so its root is the minimum. It is 1 where
    there is no slope at all, and a bound where the root lies beyond.

    Args:
        logits: (N, classes); samples with a NaN are left out.
        labels: int64 (N,).
    """
    known = ~logits.isnan().any(1)
    logits, labels = logits[known].double(), labels[known]
    own = logits.gather(1, labels[:, None])
    ahead = logits - own  # what one adds to all logits of a sample changes nothing

    def slope(inverse: float) -> float:
        return float(((logits * inverse).softmax(1) * ahead).sum(1).sum())

    hot, cold = slope(1 / HOTTEST), slope(1 / COLDEST)
    if hot == cold == 0:
        return 1.0
    if hot >= 0 or cold <= 0:
        return HOTTEST if hot >= 0 else COLDEST
    return 1 / root_scalar(slope, bracket=(1 / HOTTEST, 1 / COLDEST), xtol=1e-9).root


def accuracies(calibration: Trace, test: Trace) -> list[Readings]:
    """Of every exit: `top1` and `top5` on the test split, and `calibration.top1` on the calibration split."""
    return [
        {f"top{k}": _accuracy(there, test, k, "test split") for k in (1, 5)}
        | {"calibration.top1": _accuracy(here, calibration, 1, "calibration split")}
        for here, there in zip(calibration.logits, test.logits, strict=True)
    ]


def _accuracy(logits: Tensor, split: Trace, k: int, source: str) -> Reading:
    return Reading(value=top(logits, split.labels, k), unit="share", source=source, n=len(split.labels))


def calibrated(calibration: Trace, test: Trace) -> list[Readings]:
    """Of every exit: its temperature, set on the calibration split, and its calibration error without and with it."""
    source = f"test split, {BINS} bins of equal width"
    found = []
    for here, there in zip(calibration.logits, test.logits, strict=True):
        own = temperature(here, calibration.labels)
        errors = {"ece": there, "ece.scaled": there / own}
        bound = " at the bound of the search" if own in (COLDEST, HOTTEST) else ""
        found.append(
            {
                "temperature": Reading(
                    value=own, unit="one", source=f"calibration split, least cross-entropy{bound}"
                )
            }
            | {
                name: Reading(value=calibration_error(logits, test.labels), unit="share", source=source)
                for name, logits in errors.items()
            }
        )
    return found


def disagreements(test: Trace) -> list[Readings]:
    """Of every exit: the samples it is right about and the last exit is not (overthinking), and the reverse.

    Overthinking is what going on costs (Kaya et al., ICML 2019), underthinking what leaving there would.
    """
    right = test.correct()
    return [
        {"overthinking": _share(here & ~right[-1]), "underthinking": _share(~here & right[-1])}
        for here in right
    ]


def disagreement(test: Trace) -> Readings:
    """Of the network: samples that some early exit is right about and the last is not, and those only the last is.

    Nothing for a network of one exit.
    """
    right = test.correct()
    if len(right) == 1:
        return {}
    early = right[:-1].any(0)
    return {"overthinking": _share(early & ~right[-1]), "underthinking": _share(~early & right[-1])}


def _share(samples: Tensor) -> Reading:
    count = len(samples)
    return Reading(value=int(samples.sum()) / count, unit="share", source="test split", n=count)
