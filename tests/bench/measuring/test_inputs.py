import io

import numpy as np
import pytest
import torch
from PIL import Image

from bench.measuring.inputs import Ids, Jpeg, input_codecs


def test_jpeg_is_decoded_as_a_receiver_would_see_it():
    one = torch.randint(0, 256, (3, 16, 12), dtype=torch.uint8)
    payload = Jpeg().encode(one)
    picture = np.asarray(Image.open(io.BytesIO(payload)))
    assert np.array_equal(picture, Jpeg().decode(payload, (3, 16, 12)).permute(1, 2, 0).numpy())


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_other_channels_than_three_go_as_one_grey_image(channels):
    grey = torch.full((channels, 8, 6), 100, dtype=torch.uint8)
    decoded = Jpeg().decode(Jpeg().encode(grey), tuple(grey.shape))
    assert decoded.shape == grey.shape
    assert (decoded.int() - 100).abs().max() <= 2


def test_no_pixel_of_a_picture_of_another_size_is_decoded():
    stream = io.BytesIO()
    Image.new("RGB", (2000, 2000)).save(stream, "JPEG")
    with pytest.raises(ValueError, match="a picture of"):
        Jpeg().decode(stream.getvalue(), (3, 8, 8))


def test_ids_take_two_bytes_or_four():
    wide, narrow = Ids(vocabulary=70_001), Ids(vocabulary=65_536)
    ids = torch.tensor([3, 70_000, 0], dtype=torch.int32)
    assert wide.encode(ids) == b"\x03\0\0\0\x70\x11\x01\0"
    assert wide.encode(torch.zeros(3, dtype=torch.int32)) == b""
    assert narrow.encode(ids[:1]) == b"\x03\0"
    assert torch.equal(wide.decode(wide.encode(ids), (3,)), ids.long())


def test_ids_outside_the_vocabulary_are_refused():
    with pytest.raises(ValueError, match="token id 9 of 9"):
        Ids(vocabulary=9).decode(b"\x09\0", (2,))


def test_images_and_texts_have_codecs_and_other_inputs_none():
    images, texts = torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.zeros(1, 8, dtype=torch.int16)
    assert list(input_codecs(images, 0)) == ["image8", "jpeg"]
    assert list(input_codecs(texts, 300)) == ["ids"]
    assert input_codecs(images.float(), 0) == {}
