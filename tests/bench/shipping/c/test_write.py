"""A trained network written as C, as `seesaw pack --c` does.

Covers: bench/shipping/c/accuracy.py
"""

import subprocess

import numpy as np
import pytest
import torch

from baselines.codecs.float32 import Float32
from baselines.codecs.int8 import Int8
from bench import SeesawError
from bench.execution.int8.quantise import IntProgram
from bench.kinds.sending import receive
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.ship import shipment_of
from bench.runs.trained import network_of
from bench.shipping.c.code import code_of
from bench.shipping.c.host import STRICT, compiled, compiler
from bench.shipping.c.write import write_c
from bench.shipping.manifest import read_manifest

pytestmark = pytest.mark.usefixtures("c_compiler")
QUICK = {
    "policies": ("confidence", "margin", "patience"), "codecs": ("float32",), "meters": ("storage",),
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of a pruned network with two exits."""
    top = tmp_path_factory.mktemp("trained")
    places = {name: top / name for name in ("records", "runs", "data")}
    request = RunRequest(task="blobs", model="mlp[widths=32:24]_pruned[density=0.25]", **QUICK, **places)
    run(request)
    return ResolvedRun.of(request)


def test_both_parts_are_written_with_the_shipped_thresholds(trained, tmp_path):
    shipment = shipment_of(trained, tmp_path, samples=8, cut=1, c=True)
    shipment.pack()
    notes = write_c(shipment)
    assert notes == ["C has confidence, entropy, margin with thresholds; left out are patience."]
    written = {one.part: one for one in shipment.written if one.path.name == "model.c"}
    assert written.keys() == {"device", "server"}
    assert all(one.difference < 1e-5 for one in written.values())
    source = (tmp_path / "device" / "model.c").read_text()
    for shipped in shipment.policies[:2]:
        assert f"{float(shipped.state['thresholds'][0]):.9g}" in source
    for part in written:
        command = [compiler(), *STRICT, "-c", "-o", tmp_path / f"{part}.o", tmp_path / part / "model.c"]
        subprocess.run(command, check=True)


def test_int8_is_exactly_what_int8_is_in_python_and_compiles_strictly(trained, tmp_path):
    shipment = shipment_of(trained, tmp_path, samples=32, values="int8", cut=1, c=True)
    shipment.pack()
    write_c(shipment)
    written = {one.part: one for one in shipment.written if one.path.name == "model.c"}
    assert all(0 < one.difference < 0.1 for one in written.values())
    assert "C of int8" in written["device"].kind
    for part in written:
        command = [compiler(), *STRICT, "-c", "-o", tmp_path / f"{part}.o", tmp_path / part / "model.c"]
        subprocess.run(command, check=True)


@pytest.mark.parametrize("codec", [None, "int8"])
def test_what_int8_costs_is_counted_over_the_test_split_and_kept_in_the_manifest(trained, tmp_path, codec):
    shipment = shipment_of(trained, tmp_path, samples=8, values="int8", cut=1, c=True, codec=codec)
    shipment.pack()
    notes = [note for note in write_c(shipment) if note.startswith("int8, exit")]
    counted = read_manifest(tmp_path).int8
    test = trained.splits().test
    x = trained.splits().scale(test.inputs)
    assert counted.samples == len(test.labels) > 100
    assert [(one.part, one.python is None) for one in counted.exits] == [("device", True), ("server", False)]
    (device, server), classes = shipment.parts().values(), shipment.net.classes
    codes = [
        code_of(device, "", {}, shipment.calibration, codec or "float32"),
        code_of(server, "", {}, device(shipment.calibration).detach(), codec or "float32"),
    ]
    with torch.no_grad(), compiled(codes[0], classes) as front, compiled(codes[1], classes) as back:
        whole = network_of(trained, trained.trained())  # of float32 weights
        assert any(
            not torch.equal(a, b) for a, b in zip(whole.parameters(), shipment.net.parameters(), strict=True)
        )
        theirs = [one.argmax(1) for one in whole(x)]
        sent = [front.run(one.numpy()) for one in x]
        arrived = receive(
            shipment.net.crossing(1), [one.frame for one in sent], Int8() if codec else Float32()
        )
        behind = [back.receive(one.frame) for one in sent]
        python = server.answers(arrived)[1][0].argmax(1)
    ours = [torch.tensor([one.logits[0].argmax() for one in answers]) for answers in (sent, behind)]
    for one, own, network in zip(counted.exits, ours, theirs, strict=True):
        assert one.right == int((own == test.labels).sum())
        assert one.network == int((network == test.labels).sum())
        assert one.alike == int((own == network).sum())
    assert counted.exits[1].python == int((python == test.labels).sum())
    right, network = (getattr(counted.exits[1], name) / counted.samples for name in ("right", "network"))
    assert len(notes) == 2
    assert f"{right:.2%} of {counted.samples:,} test samples right, the network {network:.2%}" in notes[1]
    assert f"behind frames of {codec or 'float32'}" in notes[1]


def test_a_float32_device_sends_a_byte_a_number(trained, tmp_path):
    shipment = shipment_of(trained, tmp_path, samples=8, cut=1, c=True, codec="int8")
    shipment.pack()
    write_c(shipment)
    assert all(one.difference < 1e-5 for one in shipment.written if one.path.name == "model.c")
    assert read_manifest(tmp_path).int8 is None


def test_int8_of_another_program_is_found(trained, tmp_path, monkeypatch):
    shipment = shipment_of(trained, tmp_path, samples=4, values="int8", c=True)
    shipment.pack()
    own = IntProgram.run
    monkeypatch.setattr(IntProgram, "run", lambda self, x: (own(self, x)[0] + np.float32(1e-3), None))
    with pytest.raises(SeesawError, match="differs from int8"):
        write_c(shipment)


def test_packing_without_c_leaves_no_c_of_another_network(trained, tmp_path):
    first = shipment_of(trained, tmp_path, samples=4, c=True)
    first.pack()
    write_c(first)
    assert (tmp_path / "network" / "model.c").exists()
    shipment_of(trained, tmp_path, samples=4).pack()
    assert not (tmp_path / "network" / "model.c").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"by_exit": True}, "Leave one of --by-exit and --c out"),
        ({"values": "float16"}, "Add --values float32 or --values int8"),
        (
            {"cut": 1, "codec": "float16"},
            "float32 or int8, not by float16. Name one of these, or leave --codec out",
        ),
    ],
)
def test_what_c_has_not_is_refused_before_anything_is_written(trained, tmp_path, options, sentence):
    with pytest.raises(SeesawError, match=sentence):
        shipment_of(trained, tmp_path / "out", samples=4, c=True, **options)
    assert not (tmp_path / "out").exists()


def test_a_part_that_is_another_network_is_found(trained, tmp_path):
    shipment = shipment_of(trained, tmp_path, samples=4, c=True)
    shipment.pack()
    layer = next(module for module in shipment.net.modules() if isinstance(module, torch.nn.Linear))
    layer.register_forward_hook(
        lambda _, inputs, out: out if len(inputs[0]) == 1 else -out
    )  # in a batch alone
    with pytest.raises(SeesawError, match="differs from the network"):
        write_c(shipment)


def test_no_compiler_is_no_difference_of_zero(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    shipment = shipment_of(trained, tmp_path, samples=4, c=True)
    shipment.pack()
    write_c(shipment)
    (one,) = (one for one in shipment.written if one.path.name == "model.c")
    assert (one.difference, one.note) == (None, "not run: there is no C compiler here")
