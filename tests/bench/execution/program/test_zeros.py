"""Zeros around images: none that nobody reads, and the same answers."""

import numpy as np
import pytest
import torch
from torch import nn

from bench.execution.chain.chain import chain_of
from bench.execution.chain.compile import program_of
from bench.execution.chain.tape import watch
from bench.execution.program.layout import Room
from bench.execution.program.program import Affine, Each, Zero
from bench.execution.program.zeros import needed_zeros


def network():
    """Images of which the first and the third are read past their edges."""
    return nn.Sequential(nn.Conv2d(2, 3, 1), nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 2, 3, 2, 1)).eval()  # fmt: skip


@pytest.mark.parametrize(("lanes", "images"), [(1, 1), (16, 2)])
def test_only_images_that_are_read_past_their_edges_have_zeros_around_them(lanes, images):
    net, x = network(), torch.zeros(1, 2, 6, 6)
    program = program_of(watch(net, lambda x: [net(x)], x), lanes)
    zeros = [step for step in program.steps if isinstance(step, Zero)]
    assert len(zeros) == images  # of a single sample, the image before a stride is copied with its zeros
    for zero in zeros:
        image = zero.buffer.image
        around = image.channel - image.height * image.width * lanes
        assert zero.segments[:, 1].sum() == (
            around if lanes > 1 else around - (image.height - 1) * 2 * image.pad
        )


def test_answers_are_the_networks_whatever_lies_in_the_room(compiler):
    net = network()
    first = nn.Sequential(nn.Conv2d(2, 9, 3, padding=1), nn.ReLU(), nn.Conv2d(9, 2, 1)).eval()
    x = torch.randn(5, 2, 6, 6)
    with torch.no_grad():
        for lanes in (1, 16):
            for module in (nn.Sequential(first, net), net):
                chain = chain_of(module, lambda x, own=module: [own(x)], x[:1], lanes)
                chain(torch.full_like(x, torch.nan))
                torch.testing.assert_close(chain(x)[0], module(x), rtol=1e-4, atol=1e-5)


def test_a_number_that_is_copied_from_beside_an_image_needs_its_zero():
    room = Room(1)
    buffer, places = room.image(1, 2, 2, 1)
    _, to = room.vector(1)
    zero = Zero(buffer, np.array([[0, 5], [7, 2], [11, 5]]))
    write = Affine([], places[0].reshape(-1), np.zeros(1), out=int(places[0, 0, 0]))
    inside = Each(to, places[:1, 0, 0].reshape(-1, 1))
    beside = Each(to, np.array([[buffer.base]]))
    assert needed_zeros([zero, write, inside], room) == [write, inside]
    kept = needed_zeros([zero, write, beside], room)
    assert isinstance(kept[0], Zero)
    assert kept[0].segments.tolist() == [[0, 5], [7, 2], [11, 5]]
