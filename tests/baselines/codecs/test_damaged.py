"""Every codec without training behind bytes of anyone: an error or a tensor of the shape, in bounded memory.

Covers: baselines/codecs/bitmap.py, baselines/codecs/jpeg.py, baselines/codecs/tiles.py,
    baselines/codecs/uint.py, baselines/codecs/webp.py
"""

import math
import tracemalloc
import warnings
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import SeesawError
from bench.kinds.codec import Codec
from bench.kinds.frame import write_frame
from bench.kinds.sending import receive
from bench.network.crossing import Crossing
from bench.plugins.plugin import choose

SPECS = [
    "float32", "float32[through=zstd]", "float32[through=lz4]", "float16[through=zstd]", "bfloat16", "int8",
    "uint[bits=1]", "uint[bits=3,per=channel]", "uint[bits=8,through=lz4]", "bitmap",
    "bitmap[through=zstd]", "jpeg", "webp", "picture[format=values]", "picture[format=png]", "picture[format=jpeg]",
    "picture[format=webp,scale=0.5]",
]  # fmt: skip
SHAPE = (3, 8, 6)
MOST = 1 << 20
"""Bytes that a damaged payload may take; the feature takes 576."""


@cache
def made(spec: str) -> tuple[Codec, bytes]:
    """A codec, and the payload of a sparse feature or of an image."""
    codec, generator = choose(Codec, spec).plugin, torch.Generator().manual_seed(0)
    numbers = torch.randint(0, 256, SHAPE, dtype=torch.uint8, generator=generator)
    feature = numbers if codec.content == "input" else torch.relu(numbers.float() / 64 - 2)
    return codec, codec.encode(feature)


def damaged(payload: bytes) -> st.SearchStrategy[bytes]:
    """Any bytes; or a payload with some bytes turned over, taken out, put in or doubled."""
    place, noise = st.integers(0, len(payload)), st.binary(min_size=1, max_size=12)
    spliced = st.builds(
        lambda at, new, off: payload[:at] + new + payload[at + off :], place, noise, st.integers(0, 16)
    )
    cut = place.map(lambda at: payload[:at])
    doubled = place.map(lambda at: payload[:at] + payload)
    return st.one_of(st.binary(max_size=200), spliced, cut, doubled)


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_a_sentence_or_a_tensor_of_the_shape(spec, data):
    codec, payload = made(spec)
    cut = Crossing(SHAPE, 0, 10)
    message = write_frame(data.draw(damaged(payload)), SHAPE, codec.content)
    refused = False
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a picture's reader
        try:
            there = receive(cut, [message], codec)
        except SeesawError:
            refused = True
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused or there.shape == (1, *SHAPE)
    assert most < MOST


@pytest.mark.parametrize("spec", SPECS)
def test_a_shape_that_lies_is_refused_before_it_is_decoded(spec):
    codec, payload = made(spec)
    huge = (1 << 10, 1 << 10, 1 << 9)
    assert math.prod(huge) <= 1 << 30
    with pytest.raises(SeesawError, match="does not fit a cut"):
        receive(Crossing(SHAPE, 0, 10), [write_frame(payload, huge, codec.content)], codec)
