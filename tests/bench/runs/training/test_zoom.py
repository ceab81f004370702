"""Random resized crops, mixed and smoothed labels, and batches made ahead.

Covers: bench/runs/training/ahead.py
"""

import threading
import time

import pytest
import torch
import torch.nn.functional as F

from bench import Split
from bench.kinds.task import LentData, Scale
from bench.records.setup import Recipe
from bench.runs.training.ahead import ahead
from bench.runs.training.data import Batch, TrainData, augment, mirrored
from bench.runs.training.lit import mixed, shares
from bench.runs.training.zoom import drawn_boxes, zoomed


def test_parts_lie_within_the_image_and_have_the_areas_that_were_asked_for():
    boxes = drawn_boxes(4000, 0.25, torch.Generator().manual_seed(0))
    top, left, height, width = boxes.T
    assert bool(((boxes >= 0) & (boxes <= 1)).all())
    assert float((top + height).max()) <= 1
    assert float((left + width).max()) <= 1
    area = height * width
    assert float(area.min()) > 0.2
    assert float(area.mean()) == pytest.approx(0.6, abs=0.03)


def test_a_part_is_scaled_as_that_part_alone_would_be():
    images = torch.randint(0, 256, (2, 3, 20, 20), dtype=torch.uint8)
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.5, 0.25, 0.5, 0.5]], dtype=torch.float64)
    out = zoomed(images, boxes, (10, 10))
    assert torch.equal(out[:1], F.interpolate(images[:1], (10, 10), mode="bilinear", antialias=True))
    assert torch.equal(out[1], images[1, :, 10:20, 5:15])


def test_images_with_room_are_zoomed_to_the_networks_size_by_the_seed_alone():
    train = Split(torch.randint(0, 256, (12, 3, 18, 18), dtype=torch.uint8), torch.arange(12))
    data = LentData(train, Scale((0.5,) * 3, (0.5,) * 3, 16))
    recipe = Recipe(epochs=1, batch=4, zoom=0.3, flip=True)

    def epoch(seed):
        one = TrainData(data, recipe, seed, 0, 3)
        return [one.on_after_batch_transfer(batch, 0) for batch in one.train_dataloader()]

    first, again, other = epoch(0), epoch(0), epoch(1)
    assert {tuple(x.shape[1:]) for x, _ in first} == {(3, 16, 16)}
    assert all(torch.equal(x, y) for (x, _), (y, _) in zip(first, again, strict=True))
    assert not all(torch.equal(x, y) for (x, _), (y, _) in zip(first, other, strict=True))
    assert sorted(torch.cat([labels for _, labels in first]).tolist()) == list(range(12))


def test_parts_are_mirrored_before_they_are_sent_as_they_would_be_behind():
    images = torch.randint(0, 256, (6, 3, 4, 4), dtype=torch.uint8)
    batch = Batch(images, torch.arange(6), None, torch.tensor([True, False, True, True, False, False]))
    expected = augment(batch, 0)
    early = mirrored(batch._replace(inputs=images.clone()))
    assert early.flip is None
    assert torch.equal(augment(early, 0), expected)
    shifted = batch._replace(shift=torch.zeros(6, 2, dtype=torch.int64))
    assert mirrored(shifted) is shifted


def test_smoothed_labels_give_the_loss_of_label_smoothing():
    logits, labels = torch.randn(6, 5), torch.arange(6) % 5
    expected = F.cross_entropy(logits, labels, label_smoothing=0.1)
    assert torch.allclose(F.cross_entropy(logits, shares(labels, 5, 0.1)), expected)


def test_mixed_images_and_labels_are_mixed_alike():
    torch.manual_seed(0)
    x, targets = torch.eye(8), shares(torch.arange(8), 8, 0.0)
    mix, shared = mixed(x, targets, 1.0)
    assert torch.allclose(mix, shared)
    assert torch.allclose(shared.sum(1), torch.ones(8))
    assert not torch.equal(mix, x)


def test_items_made_ahead_are_the_same_in_their_order_and_errors_come_in_their_place():
    assert list(ahead(iter(range(50)))) == list(range(50))

    def broken():
        yield 1
        raise ValueError("no more")

    made = ahead(broken())
    assert next(made) == 1
    with pytest.raises(ValueError, match="no more"):
        next(made)


def test_nothing_is_made_when_nobody_asks_any_more():
    made = ahead(iter(range(10**9)))
    assert next(made) == 0
    made.close()
    end = time.monotonic() + 5
    while any(one.name == "ahead" for one in threading.enumerate()) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(one.name == "ahead" for one in threading.enumerate())
