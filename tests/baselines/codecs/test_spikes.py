import pytest
import torch

from baselines.codecs.spikes import Spikes
from bench.testing import check_codec


def test_zeros_and_ones_take_a_bit_each():
    feature = (torch.rand(6, 5, 7, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    payload = Spikes().encode(feature)
    assert len(payload) == 1 + -(-6 * 5 * 7 // 8)
    assert torch.equal(Spikes().decode(payload, (6, 5, 7)), feature)
    assert len(Spikes(through="zstd").encode(torch.zeros(8, 40, 40))) < 60


@pytest.mark.parametrize("odd", [0.5, -0.0, 2.0, float("nan")])
def test_any_other_number_is_kept_as_it_is(odd):
    feature = torch.tensor([[1.0, 0.0, odd]])
    payload = Spikes().encode(feature)
    assert len(payload) == 13
    assert Spikes().decode(payload, (1, 3)).numpy().tobytes() == feature.numpy().tobytes()


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x02\x00", b"\x00\x00", b"\x01\x00\x00"])
def test_other_bytes_are_no_spikes(payload):
    with pytest.raises(ValueError, match="are no 3 spikes"):
        Spikes().decode(payload, (1, 3))


def test_it_is_a_codec_like_any_other():
    check_codec(Spikes())
