"""Generated C against the network that it was made from: compiled by the host's compiler, and under sanitizers.

Covers: bench/shipping/c/frames.py, bench/shipping/c/host.py, bench/shipping/c/int_steps.py, bench/shipping/c/loops.py, bench/shipping/c/program.py, bench/shipping/c/steps.py,
    bench/shipping/c/tables.py
"""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from baselines.codecs.float32 import Float32
from baselines.codecs.int8 import Int8
from baselines.policies.confidence import Confidence
from baselines.policies.entropy import Entropy
from baselines.policies.margin import Margin
from bench import Net, Sample, SeesawError, hide
from bench.kinds.policy import FORMULAS
from bench.kinds.sending import messages_of, receive
from bench.replay.exits.decide import leaves_now
from bench.shipping.c.code import code_of
from bench.shipping.c.host import STRICT, compiled, compiler
from bench.shipping.c.loops import DEPTH, loops_of
from bench.shipping.c.tables import number, quoted
from tests.bench.execution.chain.test_chain import network

pytestmark = pytest.mark.usefixtures("c_compiler")

CLOSE = 1e-5
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
POLICIES = (Confidence(), Entropy(), Margin())
NETWORKS = [
    ("mlp[widths=17:10]", (1, 8, 8), "dense"),
    ("mlp[widths=32:32]", (1, 8, 8), "diagonal[nearest=true]"),
    ("lenet", (1, 12, 12), "sparse[nearest=true]"),
    ("resnet[depth=8,width=0.5]", (3, 16, 16), "shared[nearest=true,outputs=4]"),
    ("resnet[depth=8,width=0.5,shortcut=conv]", (3, 9, 9), "dense"),
    ("vgg[depth=11,width=0.125]", (3, 32, 32), "sparse[nearest=true]"),
    ("mobilenet[width=0.25]", (3, 16, 16), "dense"),
    ("mlp[widths=32:32]", (1, 8, 8), "block[size=4,nearest=true]"),
    ("mlp[widths=64:64]", (1, 16, 16), "clash-free[nearest=true]"),
    ("lenet", (1, 12, 12), "random[density=0.2]"),
]


def rounding(ours, theirs):
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def between(scores):
    """A threshold for each exit, in the widest gap among the middle scores: no rounding reaches over it."""
    middle = scores.sort(1).values[:, 10:-10]
    at = middle.diff(dim=1).argmax(1, keepdim=True)
    return (middle.gather(1, at) + middle.gather(1, at + 1))[:, 0] / 2


def built(part, folder, name="a network", policies=None, flags=SANITIZED, calibration=None, cc=None):
    """An executable of the generated code and the harness."""
    code = code_of(part, name, policies or {}, calibration)
    (folder / "model.h").write_text(code.header)
    (folder / "model.c").write_text(code.source)
    harness = Path(__file__).with_name("harness.c")
    ask = ["-DASK"] if policies and part.heads else []
    subprocess.run(
        [cc or compiler(), *STRICT, *flags, *ask, f"-I{folder}", "-o", folder / "program", harness, folder / "model.c", "-lm"],
        check=True,
    )  # fmt: skip
    return folder / "program", code


def ran(program, x, *emulator):
    done = subprocess.run(
        [*emulator, program], input=x.numpy().astype("<f4").tobytes(), capture_output=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize(("spec", "shape", "method"), NETWORKS)
def test_c_gives_the_answers_of_the_network_under_sanitizers(spec, shape, method, tmp_path):
    net = network(spec, shape, method)
    x = torch.randn(3, *shape)
    program, code = built(net.whole(), tmp_path)
    with torch.no_grad():
        expected = torch.stack(net(x), 1).numpy()
    ours = np.frombuffer(ran(program, x), "<f4").reshape(expected.shape)
    assert rounding(ours, expected) < CLOSE
    assert code.frame == 0


@pytest.mark.parametrize(("spec", "shape", "method"), NETWORKS)
def test_int8_is_the_int8_of_python_bit_for_bit_under_sanitizers(spec, shape, method, tmp_path):
    net = network(spec, shape, method)
    x = torch.randn(4, *shape)
    program, code = built(net.whole(), tmp_path, calibration=torch.randn(32, *shape))
    expected, _ = code.ints.run(x.numpy())
    ours = np.frombuffer(ran(program, x), "<f4").reshape(len(x), len(net.exits), -1)
    assert np.array_equal(ours.transpose(1, 0, 2), expected)
    huge = torch.full((1, *shape), 1e30)
    huge[..., 0] = torch.nan
    ours = np.frombuffer(ran(program, huge), "<f4").reshape(1, len(net.exits), -1)
    assert np.array_equal(ours.transpose(1, 0, 2), code.ints.run(huge.numpy())[0])


def drawn(kind, weight):
    """A mask of a convolution's weights."""
    outputs, inputs = weight.shape[:2]
    by_kernel = {
        "kernels": torch.rand(outputs, inputs, 1, 1) < 0.4,
        "shared": (torch.rand(outputs // 4, inputs, 1, 1) < 0.5).repeat_interleave(4, 0),
        "rows": torch.rand(outputs, 1, 1, 1) < 0.5,
        "nothing": torch.zeros(outputs, inputs, 1, 1, dtype=torch.bool),
        "few": torch.rand(weight.shape) < 0.15,
        "many": torch.rand(weight.shape) < 0.6,
    }
    return by_kernel[kind].expand_as(weight).clone()


@pytest.mark.parametrize("kind", ["kernels", "shared", "rows", "nothing", "few", "many"])
@pytest.mark.parametrize("pool", [nn.Identity(), nn.MaxPool2d(2), nn.MaxPool2d(3)])
def test_int8_of_masks_of_every_kind_is_the_int8_of_python(kind, pool):
    convs = [nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 40, 3, padding=1)]
    for conv in convs[kind == "nothing" :]:
        hide(conv, drawn(kind, conv.weight))
    net = Net([nn.Sequential(convs[0], nn.ReLU(), convs[1], pool), nn.Flatten()], Sample((3, 7, 7)), 3)
    net.hang(1, nn.Linear(net.shapes[1][0], 3))
    x = torch.randn(4, 3, 7, 7)
    code = code_of(net.eval().whole(), "", {}, torch.randn(16, 3, 7, 7))
    with compiled(code, 3, ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")) as host:
        ours = np.stack([host.run(one.numpy()).logits[0] for one in x])
    assert np.array_equal(ours, code.ints.run(x.numpy())[0][0])


@pytest.mark.skipif(
    not (shutil.which("aarch64-linux-gnu-gcc") and shutil.which("qemu-aarch64")),
    reason="no toolchain of 64-bit Arm here: apt-get install gcc-aarch64-linux-gnu qemu-user",
)
@pytest.mark.parametrize("is_int", [False, True])
def test_arm_of_64_bits_gives_the_bits_of_this_machine(is_int, tmp_path):
    net = network("lenet", (1, 12, 12), "shared[nearest=true,outputs=4]")
    x = torch.randn(3, 1, 12, 12)
    scales = x if is_int else None
    here, there = (tmp_path / "here", tmp_path / "there")
    for folder in (here, there):
        folder.mkdir()
    own, _ = built(net.whole(), here, flags=("-O2",), calibration=scales)
    other, _ = built(
        net.whole(), there, flags=("-O2", "-static"), calibration=scales, cc="aarch64-linux-gnu-gcc"
    )
    assert ran(other, x, "qemu-aarch64") == ran(own, x)


def test_int8_parts_send_and_take_the_same_frames(tmp_path):
    net = network("resnet[depth=8,width=0.5]", (3, 16, 16))
    x = torch.randn(2, 3, 16, 16)
    device, server = net.cut(2)
    folders = [tmp_path / "device", tmp_path / "server"]
    for folder in folders:
        folder.mkdir()
    with torch.no_grad():
        features = device(x)
    program, code = built(device, folders[0], calibration=x)
    out = ran(program, x)
    frames = [out[end - code.frame : end] for end in (len(out) // 2, len(out))]
    arrived = receive(net.crossing(2), frames, Float32())
    assert np.array_equal(arrived.flatten(1).numpy(), code.ints.run(x.numpy())[1])
    program, code = built(server, folders[1], calibration=features)
    done = subprocess.run([program], input=b"".join(frames), capture_output=True, check=True)
    expected, _ = code.ints.run(arrived.numpy())
    assert np.array_equal(
        np.frombuffer(done.stdout, "<f4").reshape(2, -1, net.classes).transpose(1, 0, 2), expected
    )


def test_policies_let_the_samples_leave_that_python_lets_leave(tmp_path):
    net = network("lenet", (1, 12, 12))
    x = torch.randn(40, 1, 12, 12)
    with torch.no_grad():
        logits = torch.stack(net(x))
    states = [{"thresholds": between(policy.score(logits))} for policy in POLICIES]
    bounds: dict[str, list[float]] = dict(
        zip(FORMULAS, (one["thresholds"].tolist() for one in states), strict=True)
    )
    assert [policy.formula for policy in POLICIES] == list(FORMULAS)
    with compiled(code_of(net.whole(), "", bounds), net.classes) as host:
        ours = np.array([host.run(one.numpy(), range(3)).leaves for one in x])
    for number_, (policy, state) in enumerate(zip(POLICIES, states, strict=True)):
        leaves = leaves_now(policy, state)
        for exit_ in range(len(net.exits) - 1):
            theirs = leaves(logits[: exit_ + 1])
            assert 0 < int(theirs.sum()) < len(x)
            assert ours[:, number_, exit_].tolist() == theirs.tolist()
        assert ours[:, number_, -1].all()


def test_no_sample_leaves_by_what_is_no_number():
    net = network("mlp[widths=17:10]", (1, 8, 8))
    code = code_of(net.whole(), "", {"confidence": [-1.0] * len(net.exits)})
    with compiled(code, net.classes) as host:
        assert host.run(np.zeros(64, np.float32), [0]).leaves[0][0]
        assert not host.run(np.full(64, np.nan, np.float32), [0]).leaves[0][0]


@pytest.mark.parametrize(
    ("spec", "shape", "cut"), [("mlp[widths=17:10]", (1, 8, 8), 1), ("lenet", (1, 12, 12), 2)]
)
def test_a_cut_sends_the_bytes_that_python_sends_and_reads(spec, shape, cut):
    net = network(spec, shape)
    device, server = net.cut(cut)
    crossing, codec = net.crossing(cut), Float32()
    x = torch.randn(4, *shape)
    with torch.no_grad():
        features, early = device.answers(x)
        last = server.answers(features)[1]
    with (
        compiled(code_of(device, "", {}), net.classes) as front,
        compiled(code_of(server, "", {}), net.classes) as back,
    ):
        for n, sample in enumerate(x):
            sent = front.run(sample.numpy())
            arrived = receive(crossing, [sent.frame], codec)
            assert rounding(arrived[0].numpy(), features[n].numpy()) < CLOSE
            assert sent.frame == messages_of(crossing, arrived, codec)[0].frames
            assert rounding(sent.logits, np.stack([one[n].numpy() for one in early])) < CLOSE
            behind = back.receive(sent.frame)
            assert rounding(behind.logits, np.stack([one[n].numpy() for one in last])) < CLOSE
            damaged = bytearray(sent.frame)
            damaged[-1] ^= 1
            assert back.receive(bytes(damaged)) is None
            assert back.receive(sent.frame[:-1]) is None


@pytest.mark.parametrize("is_int", [False, True])
def test_a_feature_of_a_byte_a_number_is_what_the_codec_writes_and_reads(is_int):
    net = network("lenet", (1, 12, 12))
    device, server = net.cut(2)
    crossing, codec, x = net.crossing(2), Int8(), torch.randn(5, 1, 12, 12)
    with torch.no_grad():
        scales = (x, device(x)) if is_int else (None, None)
    flags = ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")
    with (
        compiled(code_of(device, "", {}, scales[0]), net.classes) as plain,
        compiled(code_of(device, "", {}, scales[0], "int8"), net.classes, flags) as front,
        compiled(code_of(server, "", {}, scales[1], "int8"), net.classes, flags) as back,
    ):
        assert front.code.frame < plain.code.frame / 3.5
        for sample in x:
            own = receive(crossing, [plain.run(sample.numpy()).frame], Float32())
            sent = front.run(sample.numpy()).frame
            assert sent == messages_of(crossing, own, codec)[0].frames
            arrived = receive(crossing, [sent], codec)
            assert np.array_equal(back.receive(sent).logits, back.run(arrived.numpy()).logits)
            assert back.receive(sent[:-1] + bytes([sent[-1] ^ 1])) is None
        for strange in (np.nan, np.inf, 1e38, 0.0):  # whatever comes in, the bytes are defined
            front.run(np.full((1, 12, 12), strange, np.float32))


def test_a_feature_of_one_number_everywhere_crosses_as_it_is():
    net = Net([nn.Flatten(), nn.Linear(4, 4)], Sample((1, 2, 2)), 4)
    net.hang(1, nn.Identity())
    with compiled(code_of(net.cut(1)[0], "", {}, codec="int8"), 4) as front:
        frame = front.run(np.full(4, 2.5, np.float32)).frame
    feature = torch.full((1, 4), 2.5)
    assert frame == messages_of(net.crossing(1), feature, Int8())[0].frames
    assert torch.equal(receive(net.crossing(1), [frame], Int8()), feature)


def test_device_and_server_parts_pass_the_sanitizers(tmp_path):
    net = network("resnet[depth=8,width=0.5]", (3, 16, 16))
    x = torch.randn(2, 3, 16, 16)
    device, server = net.cut(2)
    folders = [tmp_path / "device", tmp_path / "server"]
    for folder in folders:
        folder.mkdir()
    program, code = built(device, folders[0], policies=dict.fromkeys(FORMULAS, [0.5] * len(device.heads)))
    with torch.no_grad():
        feature = device(x)
    out = ran(program, x)
    frames = [out[end - code.frame : end] for end in (len(out) // 2, len(out))]
    arrived = receive(net.crossing(2), frames, Float32())
    assert rounding(arrived.numpy(), feature.numpy()) < CLOSE
    program, _ = built(server, folders[1])
    with torch.no_grad():
        expected = torch.stack(server.answers(arrived)[1], 1).numpy()
    done = subprocess.run([program], input=b"".join(frames), capture_output=True, check=True)
    assert rounding(np.frombuffer(done.stdout, "<f4").reshape(expected.shape), expected) < CLOSE
    damaged = bytes([*frames[0][:-1], frames[0][-1] ^ 1])
    done = subprocess.run([program], input=damaged, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")


def test_weights_that_do_not_exist_take_no_bytes():
    def tables(density):
        torch.manual_seed(0)
        layer = nn.Linear(256, 64)
        if density < 1:
            hide(layer, torch.rand(64, 256) < density)
        net = Net([nn.Sequential(nn.Flatten(), layer)], Sample((1, 16, 16)), 64)
        net.hang(0, nn.Identity())
        return code_of(net.eval().whole(), "", {}).tables

    weights = 256 * 64
    assert 4 * weights < tables(1) < 4.1 * weights
    assert tables(0.1) < 0.1 * weights * 5 + 64 * 10 + 100


def test_a_name_full_of_quotes_becomes_a_text_and_nothing_else(tmp_path):
    net = network("mlp[widths=17:10]", (1, 8, 8))
    name = 'a"; #error */ \\\n??/ %s é\n#include "x"'
    code = code_of(net.whole(), name, {})
    assert "#error" not in code.source
    (tmp_path / "model.h").write_text(code.header)
    (tmp_path / "model.c").write_text(code.source)
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "model.h"\nint main(void) { return fputs(model_name, stdout) < 0; }\n'
    )
    command = [
        compiler(),
        *STRICT,
        "-trigraphs",
        "-o",
        tmp_path / "main",
        tmp_path / "main.c",
        tmp_path / "model.c",
        "-lm",
    ]
    subprocess.run(command, check=True)
    assert subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout == name.encode()
    assert quoted("a?b") == '"a\\077b"'


def test_what_c_has_not_is_a_sentence_with_the_layer():
    net = Net([nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.Sigmoid())], Sample((1, 2, 2)), 4)
    net.hang(0, nn.Identity())
    with pytest.raises(
        SeesawError, match=r"The layer stages\.0\.2 does sigmoid, which cannot be said in C\. Choose"
    ):
        code_of(net.eval().whole(), "", {})


class Told(nn.Module):
    def forward(self, x):
        return x.view(2, -1) if x.shape[-1] == 3 else x


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        (Told(), r"The layer stages\.0\.2 does not run on one sample \(.*\), which cannot be said in C\."),
        (nn.LayerNorm(3), r"The layer stages\.0\.2 does native_layer_norm"),
    ],
)
def test_whatever_a_layer_does_its_name_is_in_the_sentence(stage, sentence):
    net = Net([nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.Identity())], Sample((1, 2, 2)), 4)
    net.hang(0, nn.Identity())
    net.stages[0][1], net.stages[0][2] = nn.Linear(4, 3), stage
    with pytest.raises(SeesawError, match=sentence):
        code_of(net.eval().whole(), "", {})


def test_token_ids_are_no_numbers_of_c():
    embedding = nn.Sequential(nn.Embedding(9, 4), nn.Flatten())
    net = Net([embedding], Sample((3,), torch.int64, vocabulary=9), 12)
    net.hang(0, nn.Identity())
    with pytest.raises(
        SeesawError, match=r"The layer stages\.0 takes int64 and no float32, which cannot be said in C\."
    ):
        code_of(net.eval().whole(), "", {})


def test_what_has_no_int8_is_a_sentence_with_the_layer():
    class Joined(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.last = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(8, 4)

        def forward(self, x):
            return self.last(torch.cat([self.a(x), 100 * self.b(x)], 1))

    net = Net([nn.Sequential(nn.Flatten(), Joined())], Sample((1, 2, 2)), 4)
    net.hang(0, nn.Identity())
    part = net.eval().whole()
    with pytest.raises(
        SeesawError,
        match=r"The layer stages\.0\.1\.last reads numbers of several scales at once, which.*int8",
    ):
        code_of(part, "", {}, torch.randn(8, 1, 2, 2))
    net = Net([nn.Flatten()], Sample((1, 2, 2)), 4)
    net.hang(0, nn.ReLU())
    with pytest.raises(
        SeesawError, match=r"The layer heads\.0 gives the logits of exit 0 and is no linear layer"
    ):
        code_of(net.eval().whole(), "", {}, torch.randn(8, 1, 2, 2))


def test_exits_that_are_one_tensor_are_refused_not_misnumbered():
    net = Net([nn.Sequential(nn.Flatten(), nn.Linear(4, 4)), nn.Identity()], Sample((1, 2, 2)), 4)
    net.hang(0, nn.Identity())
    net.hang(1, nn.Identity())
    with pytest.raises(SeesawError, match="exits that are one tensor"):
        code_of(net.eval().whole(), "", {})


def test_numbers_are_written_exactly():
    drawn = torch.randn(1000).numpy() * np.float32(10) ** torch.randint(-30, 30, (1000,)).numpy()
    for value in [*drawn.astype(np.float32), np.float32(1), np.float32(-0.0)]:
        assert np.float32(float(number(value).removesuffix("f"))) == value
    assert (number(np.inf), number(-np.inf), number(1.0)) == ("INFINITY", "-INFINITY", "1.0f")


def test_loops_give_the_places_that_they_were_made_of():
    grid = 5 + np.add.outer(np.add.outer(np.arange(3) * 40, np.arange(4) * 7), np.arange(5)).reshape(-1)
    loops = loops_of(grid[:, None])
    assert loops is not None
    assert len(loops) == DEPTH
    places = grid[0]
    for count, (step,) in loops:
        places = np.add.outer(places, np.arange(count) * step)
    assert np.array_equal(places.reshape(-1), grid)
    assert loops_of(np.array([0, 1, 3, 7, 8, 11])[:, None]) is None
