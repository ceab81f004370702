import pytest
import torch

from bench import Backbone, Sample, SeesawError
from bench.kinds.backbone import channels_of, features_of, places_of

IMAGE, TEXT = Sample((3, 16, 8)), Sample((20,), torch.int64, 100)


@pytest.mark.parametrize(("width", "channels"), [(1.0, 64), (0.5, 32), (1.01, 65), (1e-6, 1)])
def test_a_width_scales_and_leaves_one_channel_at_least(width, channels):
    assert Backbone(width=width).scaled(64) == channels


def test_a_head_pools_each_channel_to_one_value():
    head, x = Backbone().head((6, 4, 2), 10).eval(), torch.randn(5, 6, 4, 2)
    mixed = x.flatten(2)[:, :, torch.randperm(8)].reshape(x.shape)
    assert head(x).shape == (5, 10)
    torch.testing.assert_close(head(x), head(mixed))


def test_a_sample_of_another_kind_is_a_sentence():
    assert (channels_of(IMAGE), features_of(IMAGE), places_of(TEXT)) == (3, 384, 20)
    for take, other in ((channels_of, TEXT), (features_of, TEXT), (places_of, IMAGE)):
        with pytest.raises(SeesawError, match="seesaw list"):
            take(other)
