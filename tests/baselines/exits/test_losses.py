"""Every plan's loss against its paper's formula, sample by sample and class by class.

Covers: baselines/exits/distilled.py, baselines/exits/joint.py, baselines/exits/sdn.py,
    baselines/exits/single.py
"""

import math

import pytest
import torch

from bench import Exits, Method, SeesawError
from bench.plugins.plugin import choose
from bench.testing import trained

LOGITS = [torch.randn(6, 4, generator=torch.Generator().manual_seed(n)) * 2 for n in range(4)]
LABELS = torch.tensor([0, 3, 1, 1, 2, 0])


def plan(spec):
    return choose(Exits, spec).plugin


def softmax(row, temperature=1.0):
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def cross_entropy(logits, labels=LABELS):
    rows = [softmax(row) for row in logits.tolist()]
    return -sum(math.log(row[label]) for row, label in zip(rows, labels.tolist(), strict=True)) / len(rows)


CE = [cross_entropy(logits) for logits in LOGITS]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("joint", sum(CE)),
        ("joint[weights=1:0.3:2:0.5]", CE[0] + 0.3 * CE[1] + 2 * CE[2] + 0.5 * CE[3]),
        ("equilibrium", sum(CE)),
        ("single", CE[3]),
        ("frozen", CE[3]),
        ("ztw", CE[3]),
    ],
)
def test_sums_of_cross_entropies(spec, expected):
    assert float(plan(spec).loss(LOGITS, LABELS, 0.3)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("progress", [0.0, 0.25, 0.9, 1.0])
def test_sdn_ramps_the_weights_of_internal_classifiers(progress):
    six = [LOGITS[n % 4] * (1 + n) / 3 for n in range(7)]
    weights = [min(c, 0.01 + progress * c) for c in (0.15, 0.30, 0.45, 0.60, 0.75, 0.90)]
    expected = sum(w * cross_entropy(one) for w, one in zip(weights, six[:6], strict=True))
    expected += cross_entropy(six[6])
    assert float(plan("sdn").loss(six, LABELS, progress)) == pytest.approx(expected, rel=1e-5)


def test_sdn_with_fewer_exits_rises_in_even_steps_or_by_its_weights():
    even = 0.3 * CE[0] + 0.6 * CE[1] + 0.9 * CE[2] + CE[3]
    assert float(plan("sdn").loss(LOGITS, LABELS, 1.0)) == pytest.approx(even, rel=1e-5)
    expected = 0.26 * CE[0] + 0.51 * CE[1] + 1.01 * CE[2] + CE[3]
    loss = plan("sdn[weights=0.5:1:2]").loss(LOGITS, LABELS, 0.5)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("temperature", "weight"), [(4.0, 0.5), (1.0, 0.9), (2.5, 0.0)])
def test_distilled_exits_learn_from_labels_and_the_softened_last_exit(temperature, weight):
    teacher = [softmax(row, temperature) for row in LOGITS[-1].tolist()]
    expected = (1 - weight) * CE[3]
    for number in range(3):
        pupil = [softmax(row, temperature) for row in LOGITS[number].tolist()]
        from_teacher = -sum(
            t * math.log(p) for a, b in zip(teacher, pupil, strict=True) for t, p in zip(a, b, strict=True)
        )
        expected += (1 - weight) * CE[number] + weight * temperature**2 * from_teacher / 6
    loss = plan(f"distilled[temperature={temperature},weight={weight}]").loss(LOGITS, LABELS, 0.1)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_the_teacher_is_not_taught_by_its_pupils():
    logits = [one.clone().requires_grad_() for one in LOGITS]
    plan("distilled[weight=0.7]").loss(logits, LABELS, 0.0).backward()
    last = LOGITS[-1].clone().requires_grad_()
    (0.3 * torch.nn.functional.cross_entropy(last, LABELS)).backward()
    torch.testing.assert_close(logits[-1].grad, last.grad)


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("joint[weights=1:2]", r"2 weights for 3 exits.*':'\."),
        ("sdn[weights=1:2:3]", r"3 weights for 2 early exits.*':'\."),
        ("joint[at=7]", "no stage 7"),
    ],
)
def test_what_does_not_fit_the_network_is_found_when_heads_are_hung(spec, hint):
    with pytest.raises(SeesawError, match=hint):
        trained(Method(), plan(spec), train=False)


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("distilled[weight=1]", "weight"),
        ("distilled[temperature=0]", "temperature"),
        ("joint[alone=1]", "alone"),
        ("ztw[backbone=0.9,ensembles=0.2]", r"backbone=0.9 and ensembles=0.2 are more than 1 together"),
        ("frozen[backbone=1.5]", "backbone"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_before_anything_runs(spec, hint):
    with pytest.raises(SeesawError, match=hint):
        plan(spec)
