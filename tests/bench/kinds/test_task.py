"""Splits of a task, and the batches that training draws from them.

Covers: bench/runs/training/data.py
"""

import pytest
import torch

from bench import Data, Recipe, Scale, SeesawError, Split, hold_out, random_subset
from bench.runs.training.data import Batch, Strides, augment, shortened


def split(count=50):
    inputs = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 1, 2, 2)
    return Split(inputs.contiguous(), torch.arange(count))


def seen(strides):
    return [batch.labels.tolist() for batch in strides]


def test_an_epoch_sees_every_sample_at_most_once_and_the_next_shuffles_anew():
    strides = Strides(split(), Recipe(epochs=2, batch=8), seed=0, start=0, stop=12)
    one, two = (sum(seen(strides), []) for _ in range(2))
    assert len(one) == len(set(one)) == 48
    assert sorted(one) != one != two


def test_parts_of_an_epoch_are_the_whole_in_order():
    recipe = Recipe(epochs=1, batch=8)
    whole = sum(seen(Strides(split(), recipe, 3, 0, 6)), [])
    parts = [sum(seen(Strides(split(), recipe, 3, *part)), []) for part in ((0, 1), (1, 4), (4, 6))]
    assert sum(parts, []) == whole


def test_the_seed_orders_the_data():
    recipe = Recipe(epochs=1, batch=8)
    assert seen(Strides(split(), recipe, 3, 0, 6)) == seen(Strides(split(), recipe, 3, 0, 6))
    assert seen(Strides(split(), recipe, 3, 0, 6)) != seen(Strides(split(), recipe, 4, 0, 6))


def test_a_stride_holds_several_steps_but_not_too_many_bytes():
    strides = Strides(split(), Recipe(epochs=1, batch=8), 0, 0, 6)
    assert strides.steps == 16
    large = Split(torch.zeros(64, 3, 300, 300, dtype=torch.uint8), torch.zeros(64, dtype=torch.long))
    assert Strides(large, Recipe(epochs=1, batch=32), 0, 0, 2).steps == 1


def test_a_split_smaller_than_a_batch_is_one_step():
    strides = Strides(split(5), Recipe(epochs=1, batch=8), 0, 0, 1)
    assert strides.per_epoch == 1
    assert sorted(seen(strides)[0]) == [0, 1, 2, 3, 4]


def naive(x, shift, flip, crop):
    """One image at a time, by slicing."""
    out = torch.empty_like(x)
    for number, one in enumerate(x):
        padded = torch.zeros(one.shape[0], one.shape[1] + 2 * crop, one.shape[2] + 2 * crop, dtype=x.dtype)
        padded[:, crop : crop + one.shape[1], crop : crop + one.shape[2]] = one
        top, left = shift[number].tolist()
        cut = padded[:, top : top + one.shape[1], left : left + one.shape[2]]
        out[number] = torch.flip(cut, [2]) if flip[number] else cut
    return out


def test_augmentation_is_what_slicing_gives():
    x = torch.randint(0, 256, (20, 3, 5, 6), dtype=torch.uint8)
    shift, flip = torch.randint(0, 5, (20, 2)), torch.rand(20) < 0.5
    batch = Batch(x, torch.zeros(20), shift, flip)
    assert torch.equal(augment(batch, 2), naive(x, shift, flip, 2))
    assert torch.equal(augment(Batch(x, torch.zeros(20)), 2), x)


def test_scaling_gives_mean_zero_and_deviation_one_a_channel():
    x = torch.randint(0, 256, (500, 2, 4, 4), dtype=torch.uint8)
    values = x.float() / 255
    scaled = Scale(tuple(values.mean((0, 2, 3)).tolist()), tuple(values.std((0, 2, 3)).tolist()))(x)
    assert scaled.mean((0, 2, 3)).abs().max() < 1e-5
    torch.testing.assert_close(scaled.std((0, 2, 3)), torch.ones(2), atol=1e-4, rtol=0)
    floats = torch.randn(3, 2)
    assert Scale((0.5,), (0.5,))(floats) is floats


def test_what_is_held_out_is_not_in_the_rest():
    rest, out = hold_out(split(), 10)
    assert len(out.labels) == 10
    assert sorted(rest.labels.tolist() + out.labels.tolist()) == list(range(50))
    assert torch.equal(out.inputs[:, 0, 0, 0].long(), out.labels)


def test_a_smaller_subset_lies_within_a_larger_one():
    small, large = random_subset(split(), 5), random_subset(split(), 20)
    assert set(small.labels.tolist()) < set(large.labels.tolist())
    assert random_subset(split(), None).labels is not None


@pytest.mark.parametrize("count", [0, -1, 51])
def test_a_subset_that_is_not_there_is_refused(count):
    with pytest.raises(SeesawError, match="Ask for fewer"):
        random_subset(split(), count)
    with pytest.raises(SeesawError, match="Ask for more" if count < 0 else "Ask for fewer"):
        hold_out(split(), count if count else 50)


def test_an_empty_split_is_refused():
    with pytest.raises(SeesawError, match="test split is empty"):
        Data(split(), split(), Split(torch.zeros(0, 1, 2, 2), torch.zeros(0)), Scale((0.5,), (0.5,)))


@pytest.mark.parametrize(
    ("lengths", "places"), [((3, 1), 8), ((8, 2), 8), ((9, 0), 16), ((20, 20), 20), ((0, 0), 8)]
)
def test_a_step_of_texts_comes_without_the_places_where_all_of_them_pad(lengths, places):
    ids = torch.randint(1, 9, (2, 20)) * (torch.arange(20) < torch.tensor(lengths)[:, None])
    ids[:, 1:2] *= 0  # what is zero within a text stays in it
    (rows,) = shortened([ids])
    assert torch.equal(rows, ids[:, :places])
    assert int(ids[:, places:].sum()) == 0


def test_every_step_of_texts_is_shortened_by_itself():
    short, long = torch.ones(3, 30, dtype=torch.long), torch.ones(2, 30, dtype=torch.long)
    short[:, 5:] = 0
    assert [one.shape for one in shortened([short, long])] == [(3, 8), (2, 30)]
