"""Distilled exits: the last exit teaches the early ones, beside the labels.

Phuong & Lampert, "Distillation-Based Training for Multi-Exit Architectures", ICCV 2019, with a constant
temperature T and weight a: every exit's loss is (1 - a) CE(labels), and early ones add a T^2 H(p_last, p_i),
where p are the softmax of logits / T and H is the cross-entropy. The teacher gets no gradient from its
pupils.
"""

from typing import Annotated

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bench import EarlyExits, Positive


class Distilled(EarlyExits):
    """The last exit teaches the early ones, beside the labels."""

    temperature: Positive = 4.0
    """by which the logits of teacher and pupils are divided"""
    weight: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """of the teacher's loss; that of the labels has the rest"""

    def loss(self, logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
        *early, last = logits
        target = (last.detach() / self.temperature).softmax(1)
        from_labels = sum(
            (F.cross_entropy(answer, labels) for answer in early), F.cross_entropy(last, labels)
        )
        from_teacher = sum(
            (F.cross_entropy(answer / self.temperature, target) for answer in early), start=last.new_zeros(())
        )
        return (1 - self.weight) * from_labels + self.weight * self.temperature**2 * from_teacher
