"""Test images that training did not see so: blurred against scipy, noisy by their statistics."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from bench import SeesawError, Split, Task
from bench.plugins.plugin import choose
from bench.testing import check_task
from tasks.distort import blurred


def task(spec):
    return choose(Task, spec).plugin


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.3, 4.0])
def test_a_blur_is_that_of_scipy(sigma):
    images = torch.rand(3, 2, 9, 7) * 255
    expected = ndimage.gaussian_filter(
        images.double().numpy(), (0, 0, sigma, sigma), mode="nearest", truncate=3.0
    )
    assert np.allclose(blurred(images, sigma).numpy(), expected, atol=1e-3)


def test_noise_has_the_deviation_asked_for_and_only_the_test_split_has_it(tmp_path):
    clean, noisy, other = (
        task(spec).data(tmp_path, seed)
        for spec, seed in (("digits", 0), ("digits[noise=0.2]", 0), ("digits[noise=0.2]", 1))
    )
    for name in ("train", "calibration"):
        assert torch.equal(getattr(clean, name).inputs, getattr(noisy, name).inputs)
    assert torch.equal(noisy.test.inputs, other.test.inputs)
    assert torch.equal(noisy.test.labels, clean.test.labels)
    middle = (clean.test.inputs > 90) & (clean.test.inputs < 165)  # where nothing is cut off at 0 or 255
    added = (noisy.test.inputs.double() - clean.test.inputs.double())[middle]
    assert added.mean().abs() < 1
    assert added.std() == pytest.approx(0.2 * 0.3760 * 255, rel=0.05)


def test_more_images_than_fit_at_once_are_each_distorted_once():
    whole = task("digits[noise=0.5,blur=1]")
    images = torch.randint(0, 256, (1203, 1, 8, 8), dtype=torch.uint8)
    scale = whole.data("", 0).scale
    distorted = whole.distort(Split(images, torch.zeros(1203)), scale).inputs
    assert distorted.shape == images.shape
    first = whole.distort(Split(images[:500], torch.zeros(500)), scale).inputs
    assert torch.equal(distorted[:500], first)
    assert not any(torch.equal(distorted[row], images[row]) for row in range(1203))


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_image_tasks_take_noise_and_blur_and_a_subset_is_of_the_same_images(tmp_path, name):
    shape, rng = ((32, 32, 3) if name == "cifar10" else (28, 28)), np.random.default_rng(0)
    (tmp_path / name).mkdir()
    for part in ("train", "test"):
        images = rng.integers(0, 256, (60, *shape), dtype=np.uint8)
        np.savez(tmp_path / name / f"{part}.npz", images=images, labels=np.arange(60) % 10)
    spec = task(f"{name}[noise=1,blur=0.7]")
    check_task(spec, tmp_path)
    whole, few = (
        one.data(tmp_path, 0).test.inputs for one in (spec, task(f"{name}[noise=1,blur=0.7,test=9]"))
    )
    assert not torch.equal(whole, task(name).data(tmp_path, 0).test.inputs)
    assert all(any(torch.equal(one, other) for other in whole) for one in few)


@pytest.mark.parametrize("spec", ["digits[noise=0]", "digits[blur=-1]", "digits[blur=1e9]"])
def test_a_distortion_that_is_none_is_a_sentence(spec):
    with pytest.raises(SeesawError, match="Give another value"):
        task(spec)
