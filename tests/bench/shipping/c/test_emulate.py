"""Generated C on emulated microcontrollers: the answers of the host, and what it takes there.

Covers: bench/shipping/c/boards.py
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines.codecs.float32 import Float32
from baselines.codecs.int8 import Int8
from bench import SeesawError
from bench.kinds.policy import FORMULAS
from bench.kinds.sending import messages_of, receive
from bench.shipping.c import emulate as emulation
from bench.shipping.c.boards import BOARDS, CORTEX, RISCV, board_of
from bench.shipping.c.code import code_of
from bench.shipping.c.emulate import emulate, size_of, ticks_of_loop, why_not
from bench.shipping.c.host import compiled
from tests.bench.execution.chain.test_chain import network

pytestmark = pytest.mark.usefixtures("c_compiler", "boards")
EVERY = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            board.tools is RISCV and why_not(board) is not None, reason=str(why_not(board))
        ),
    )
    for name, board in BOARDS.items()
]


def samples(n, *shape):
    return [one.numpy() for one in torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))]


@pytest.fixture(scope="module")
def digits():
    """A network of the size that digits take; its weights are drawn."""
    net = network("mlp[widths=32:24]", (1, 8, 8), "shared[nearest=true,outputs=4]")
    return net, code_of(net.whole(), "a", {formula: [0.3, 0.3] for formula in FORMULAS})


@pytest.mark.parametrize("name", EVERY)
def test_every_board_gives_the_answers_of_the_host(name, digits):
    net, code = digits
    x = samples(4, 1, 8, 8)
    ours = emulate(code, net.classes, board_of(name), x)
    with compiled(code, net.classes) as host:
        theirs = [host.run(one, range(3)) for one in x]
    assert np.array_equal(ours.logits, np.stack([one.logits for one in theirs]))
    assert np.array_equal(ours.leaves, np.array([one.leaves for one in theirs]).transpose(0, 2, 1))
    assert (np.diff(ours.instructions, axis=1) > 0).all()
    assert (ours.asking[:, 0] > 0).all()
    library = 8000 if board_of(name).tools is CORTEX else 12000  # floats by functions of the library
    assert code.tables < ours.size.flash < code.tables + library
    assert ours.ram == code.arena + ours.size.data + max(ours.stack, ours.size.bound)
    assert 0 < ours.size.bound < 1000
    assert 0 < ours.stack < 1000


FORMS = {
    "cortex-m4": [("-DMODEL_SIMD=0",)],
    "cortex-m7": [("-DMODEL_SIMD=0",)],
    "cortex-m33": [("-DMODEL_SIMD=0",)],
    "cortex-m55": [("-DMODEL_MVE=0",), ("-DMODEL_SIMD=0",)],
    "rv32imc": [],
}
"""Flags for slower forms of the same code, from form to form."""


@pytest.mark.parametrize("name", EVERY)
def test_int8_is_the_same_with_simd_and_without(name):
    net = network("lenet", (1, 12, 12), "shared[nearest=true,outputs=4]")
    x = samples(2, 1, 12, 12)
    code = code_of(net.whole(), "a", {}, torch.randn(32, 1, 12, 12))
    ran = [emulate(code, net.classes, board_of(name), x, flags) for flags in [(), *FORMS[name]]]
    expected, _ = code.ints.run(np.stack(x))
    for ours in ran:
        assert np.array_equal(ours.logits.transpose(1, 0, 2), expected)
    spent = [ours.instructions[0, -1] for ours in ran]
    assert spent == sorted(spent)
    assert ran[0].ram < code_of(net.whole(), "a", {}).arena / 2


@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m55"])
@pytest.mark.parametrize(
    ("spec", "shape", "method"),
    [
        ("resnet[depth=8,width=0.5]", (3, 16, 16), "sparse[nearest=true]"),
        ("vgg[depth=11,width=0.125]", (3, 32, 32), "random[density=0.2]"),
        ("mobilenet[width=0.25]", (3, 16, 16), "shared[nearest=true,outputs=4]"),
        ("mlp[widths=128:64]", (1, 16, 16), "sparse[nearest=true]"),
    ],
)
def test_int8_of_every_kind_of_layer_is_that_of_python(name, spec, shape, method):
    net = network(spec, shape, method)
    x = samples(1, *shape)
    code = code_of(net.whole(), "a", {}, torch.randn(16, *shape))
    ours = emulate(code, net.classes, board_of(name), x)
    assert np.array_equal(ours.logits.transpose(1, 0, 2), code.ints.run(np.stack(x))[0])


@pytest.mark.parametrize("name", EVERY)
def test_the_clock_counts_instructions(name, digits):
    _, code = digits
    turns = 8_000_000  # so many that the counter of 24 bits has to wrap
    tick = 1e9 / board_of(name).hertz
    assert abs(ticks_of_loop(code, board_of(name), turns) - 3 * turns) < 2 * tick + 100


def test_counts_are_the_same_in_every_run(digits):
    net, code = digits
    x = samples(2, 1, 8, 8)
    first, second = (emulate(code, net.classes, board_of("cortex-m4"), x) for _ in range(2))
    assert np.array_equal(first.instructions, second.instructions)
    assert first.stack == second.stack


def test_bytes_of_the_emulated_device_are_read_by_python_and_by_the_emulated_server():
    net = network("lenet", (1, 12, 12), "sparse[nearest=true]")
    device, server = net.cut(2)
    x = samples(2, 1, 12, 12)
    board = board_of("cortex-m4")
    front = code_of(device, "", {})
    sent = emulate(front, net.classes, board, x)
    assert sent.instructions.shape == (2, len(device.heads) + 1)
    arrived = receive(net.crossing(2), sent.frames, Float32())
    with torch.no_grad():
        features = device(torch.from_numpy(np.stack(x)))
        logits = torch.stack(server.answers(arrived)[1], 1).numpy()
    assert torch.allclose(arrived, features, atol=1e-5 * float(features.abs().max()))
    back = emulate(code_of(server, "", {}), net.classes, board, sent.frames)
    assert np.allclose(back.logits, logits, atol=1e-5 * float(np.abs(logits).max()))
    damaged = bytes([*sent.frames[0][:-1], sent.frames[0][-1] ^ 1])
    with pytest.raises(SeesawError, match="refuses a frame"):
        emulate(code_of(server, "", {}), net.classes, board, [damaged])


def test_int8_frames_of_the_emulated_device_are_those_of_python_bit_for_bit():
    net = network("lenet", (1, 12, 12), "shared[nearest=true,outputs=4]")
    (device, server), crossing, codec = net.cut(2), net.crossing(2), Int8()
    x, calibration = np.stack(samples(2, 1, 12, 12)), torch.randn(32, 1, 12, 12)
    board, front = board_of("cortex-m4"), code_of(device, "", {}, calibration, "int8")
    sent = emulate(front, net.classes, board, list(x)).frames
    feature = torch.from_numpy(front.ints.run(x)[1]).reshape(-1, *crossing.shape)
    assert sent == [one.frames for one in messages_of(crossing, feature, codec)]
    arrived = receive(crossing, sent, codec)
    with torch.no_grad():
        back = code_of(server, "", {}, device(calibration), "int8")
        python = torch.stack(server.answers(arrived)[1], 1).numpy()
    ours = emulate(back, net.classes, board, sent).logits
    assert np.array_equal(ours.transpose(1, 0, 2), back.ints.run(arrived.numpy())[0])
    assert np.abs(ours - python).max() < 0.06 * np.abs(python).max()


def test_size_is_known_without_running(digits):
    net, code = digits
    board = board_of("cortex-m33")
    assert size_of(code, board) == emulate(code, net.classes, board, samples(1, 1, 8, 8)).size


def test_what_does_not_fit_is_a_sentence():
    net = network("mlp[widths=512:128]", (1, 16, 16), "dense")
    with pytest.raises(SeesawError, match=r"does not fit the board's FLASH\. Choose"):
        size_of(code_of(net.whole(), "", {}), board_of("cortex-m55"))


def test_a_board_that_nobody_has_is_a_sentence():
    with pytest.raises(SeesawError, match=r"no board 'cortex-m0'\. Choose cortex-m4"):
        board_of("cortex-m0")


def test_no_toolchain_is_a_sentence(digits):
    net, code = digits
    board = board_of("cortex-m4")
    board = replace(board, tools=replace(board.tools, emulator="no-such-emulator"))
    with pytest.raises(SeesawError, match=r"no no-such-emulator here\. Install Debian's gcc-arm-none-eabi"):
        emulate(code, net.classes, board, samples(1, 1, 8, 8))


def test_calls_in_a_circle_have_no_bound():
    node = 'node: { title: "%s" label: "%s\\nmodel.c:1:1\\n16 bytes (static)\\n0 dynamic objects" }\n'
    edge = 'edge: { sourcename: "%s" targetname: "%s" label: "" }\n'
    line = node % ("a", "a") + node % ("b", "b")
    assert emulation._bound(line) == 16
    assert emulation._bound(line + edge % ("a", "b")) == 32
    with pytest.raises(SeesawError, match="calls itself"):
        emulation._bound(line + edge % ("a", "b") + edge % ("b", "a"))
