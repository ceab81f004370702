"""The bytes and the errors of the three codecs, by hand.

Covers: baselines/codecs/float16.py, baselines/codecs/float32.py, baselines/codecs/int8.py
"""

import math
import struct

import pytest
import torch

from baselines.codecs.float16 import Float16
from baselines.codecs.float32 import Float32
from baselines.codecs.int8 import Int8


def round_trip(codec, x):
    payload = codec.encode(x)
    return payload, codec.decode(payload, tuple(x.shape))


def test_float32_is_the_numbers_themselves():
    x = torch.tensor([[1.5, -0.0, math.inf], [1e-40, math.pi, -3e38]])
    payload, back = round_trip(Float32(), x)
    assert payload == struct.pack("<6f", *x.flatten().tolist())
    assert torch.equal(back, x)


def test_float16_rounds_and_keeps_what_is_too_large_finite():
    x = torch.tensor([0.1, 2049.0, 1e6, -1e6])
    payload, back = round_trip(Float16(), x)
    assert payload == struct.pack("<4e", 0.1, 2049.0, 65504.0, -65504.0)
    assert back.tolist() == list(struct.unpack("<4e", payload))


@pytest.mark.parametrize("shape", [(7,), (3, 4, 5)])
def test_int8_is_off_by_half_a_step_at_most_and_exact_at_both_ends(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3 + 1
    payload, back = round_trip(Int8(), x)
    step = float(x.max() - x.min()) / 255
    assert len(payload) == 8 + x.numel()
    assert struct.unpack_from("<2f", payload) == pytest.approx((float(x.min()), step))
    assert float((back - x).abs().max()) <= step / 2 * (1 + 1e-4)
    assert float(back.min()) == float(x.min())
    assert float(back.max()) == pytest.approx(float(x.max()), rel=1e-6)


def test_int8_of_equal_numbers_is_exact():
    assert torch.equal(round_trip(Int8(), torch.full((2, 3), -2.5))[1], torch.full((2, 3), -2.5))
