"""A trained network written as C, as `seesaw pack --c` does."""

import subprocess

import numpy as np
import pytest
import torch

from bench import SeesawError
from bench.execution.int8.quantise import IntProgram
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.ship import shipment_of
from bench.shipping.c.host import STRICT, compiler
from bench.shipping.c.write import write_c

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
    notes = write_c(shipment)
    written = {one.part: one for one in shipment.written if one.path.name == "model.c"}
    assert all(0 < one.difference < 0.1 for one in written.values())
    assert "C of int8" in written["device"].kind
    answers = [note for note in notes if "C of int8 has the network's answer" in note]
    assert len(answers) == 2
    assert all(int(note.split(" for ")[1].split()[0]) > 28 for note in answers)
    for part in written:
        command = [compiler(), *STRICT, "-c", "-o", tmp_path / f"{part}.o", tmp_path / part / "model.c"]
        subprocess.run(command, check=True)


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
        ({"cut": 1, "codec": "int8"}, "Leave --codec out"),
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
