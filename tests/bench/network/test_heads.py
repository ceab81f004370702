import pytest
import torch
from torch import nn

from bench import MixedPool, SeesawError, head_of

IMAGE, VECTOR = (6, 8, 12), (6,)


def places_of(x, rows, columns):
    """A grid of the places of an image whose sides it divides: (N, C, rows, columns, places)."""
    n, c, height, width = x.shape
    parts = x.reshape(n, c, rows, height // rows, columns, width // columns)
    return parts.permute(0, 1, 2, 4, 3, 5).flatten(4)


def test_a_pooled_head_is_a_linear_map_of_the_mean_over_all_places():
    head, x = head_of("pool", IMAGE, 3), torch.randn(5, *IMAGE)
    linear = head[1]
    torch.testing.assert_close(head(x), x.mean((2, 3)) @ linear.weight.T + linear.bias)


def test_a_norm_head_normalises_before_it_pools():
    head, x = head_of("norm", IMAGE, 3).train(), torch.randn(5, *IMAGE) * 3 + 1
    mean = x.mean((0, 2, 3), keepdim=True)
    variance = x.var((0, 2, 3), unbiased=False, keepdim=True)
    pooled = ((x - mean) / (variance + 1e-5).sqrt()).mean((2, 3))
    linear = head[1][1]
    torch.testing.assert_close(head(x), pooled @ linear.weight.T + linear.bias)


def test_a_mixed_head_mixes_largest_and_mean_on_a_grid_of_four_by_four():
    head, x = head_of("mixed", IMAGE, 3), torch.randn(5, *IMAGE)
    pool, linear = head[0], head[2]
    assert pool.mixture.item() == 0.5
    with torch.no_grad():
        pool.mixture.fill_(0.3)
    places = places_of(x, 4, 4)
    mixed = 0.3 * places.amax(4) + 0.7 * places.mean(4)
    torch.testing.assert_close(head(x), mixed.flatten(1) @ linear.weight.T + linear.bias)


def test_the_mixture_is_learnt():
    pool, x = MixedPool((2, 2)), torch.randn(3, 2, 4, 4)
    pool(x).sum().backward()
    places = places_of(x, 2, 2)
    torch.testing.assert_close(pool.mixture.grad, (places.amax(4) - places.mean(4)).sum()[None])


def test_sides_that_do_not_divide_leave_smaller_places_at_the_end():
    pool, x = head_of("mixed", (1, 7, 5), 3)[0], torch.randn(2, 1, 7, 5)
    with torch.no_grad():
        pool.mixture.fill_(0.25)
    given = pool(x)
    assert given.shape == (2, 1, 4, 3)
    for row, column in ((0, 0), (3, 1), (1, 2), (3, 2)):
        place = x[:, 0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].flatten(1)
        expected = 0.25 * place.amax(1) + 0.75 * place.mean(1)
        torch.testing.assert_close(given[:, 0, row, column], expected)


def test_a_convolutional_head_convolves_with_stride_two_before_it_pools():
    head, x = head_of("conv", IMAGE, 3), torch.randn(5, *IMAGE)
    convolution, linear = head[0], head[4]
    assert convolution.weight.shape == (6, 6, 3, 3)
    features = torch.relu(nn.functional.conv2d(x, convolution.weight, convolution.bias, 2, 1))
    assert features.shape[2:] == (4, 6)
    pooled = nn.functional.adaptive_avg_pool2d(features, 4)
    torch.testing.assert_close(head(x), pooled.flatten(1) @ linear.weight.T + linear.bias)


@pytest.mark.parametrize("kind", ["pool", "mixed", "conv", "norm"])
@pytest.mark.parametrize("shape", [VECTOR, (1,), (6, 1, 1), (2, 3, 3), (4, 7, 7), (3, 2, 9), IMAGE])
def test_every_head_takes_every_shape_of_features(kind, shape):
    head = head_of(kind, shape, 4)
    assert head(torch.randn(3, *shape)).shape == (3, 4)
    head.eval()
    assert head(torch.randn(1, *shape)).shape == (1, 4)


@pytest.mark.parametrize("kind", ["pool", "mixed", "conv"])
def test_where_features_have_no_places_only_the_linear_layer_is_left(kind):
    assert isinstance(head_of(kind, VECTOR, 3), nn.Linear)


def test_features_that_are_no_image_are_told_which_head_takes_them():
    with pytest.raises(SeesawError, match=r"head=mixed takes.*\(6, 9\).*head=pool\."):
        head_of("mixed", (6, 9), 3)
    assert head_of("pool", (6, 9), 3)(torch.randn(2, 6, 9)).shape == (2, 3)
