"""The meter of generated code, and its readings in a record and in the terminal.

Covers: bench/boards/show/code.py
"""

from io import StringIO

import pytest
import torch
from rich.console import Console
from torch import nn

from bench import Net, RunRequest, Sample, Subject, run
from bench.boards.show.code import POLICIES, code_table
from bench.boards.units import big
from bench.kinds.policy import FORMULAS
from bench.measuring.meters import c
from bench.measuring.meters.c import C
from bench.network.net import Part
from bench.shipping.c.boards import board_of
from bench.shipping.c.code import code_of
from bench.shipping.c.emulate import size_of
from tests.bench.edited import edited, set_

CPU = torch.device("cpu")
NAMES = {"flash.cortex-m4", "ram.cortex-m4", "instructions.cortex-m4"}


@pytest.fixture
def net():
    net = Net(
        [nn.Sequential(nn.Flatten(), nn.Linear(16, 32)), nn.ReLU(), nn.Linear(32, 16)], Sample((1, 4, 4)), 4
    )
    net.hang(0, nn.Linear(32, 4))
    net.hang(2, nn.Linear(16, 4))
    return net.eval()


def test_means_are_told_of_the_policies_that_c_has():
    assert POLICIES == FORMULAS


@pytest.mark.usefixtures("boards")
def test_every_exit_and_device_part_has_its_code_measured(net):
    measured = C(samples=2).measure(Subject(net, CPU))
    assert measured.absent == {}
    assert [set(measured.exits[n]) for n in (0, 1)] == [NAMES, NAMES]
    assert {k: set(one) for k, one in measured.cuts.items()} == {
        k: {f"{name}.device" for name in NAMES} for k in (1, 2, 3)
    }
    size = size_of(code_of(Part(net, 0, 1), "", {}), board_of("cortex-m4"))
    assert measured.exits[0]["flash.cortex-m4"].value == size.flash
    assert measured.cuts[1]["flash.cortex-m4.device"].value == size.flash
    assert measured.exits[0]["ram.cortex-m4"].value > size.arena
    first, second = (measured.exits[n]["instructions.cortex-m4"] for n in (0, 1))
    assert 16 * 32 < first.value < second.value  # an instruction a product, at the least
    assert (first.unit, first.n) == ("instruction", 2)
    assert measured.cuts[1]["instructions.cortex-m4.device"].value > first.value  # the frame too


@pytest.mark.usefixtures("boards")
def test_what_c_has_not_is_absent_with_the_layer():
    net = Net([nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.Sigmoid())], Sample((1, 2, 2)), 4)
    net.hang(0, nn.Identity())
    measured = C().measure(Subject(net.eval(), CPU))
    assert measured.absent.keys() == NAMES
    assert all("sigmoid" in reason for reason in measured.absent.values())
    assert not measured.exits


def test_no_toolchain_and_no_such_board_are_reasons(net, monkeypatch):
    monkeypatch.setattr(c, "why_not", lambda board: "There is no compiler for boards here.")
    measured = C().measure(Subject(net, CPU))
    assert measured.absent == dict.fromkeys(NAMES, "There is no compiler for boards here.")
    assert "Choose cortex-m4" in C(boards=("z80",)).measure(Subject(net, CPU)).absent["flash.z80"]


@pytest.mark.usefixtures("boards")
def test_of_int8_weights_the_code_computes_with_int8(net):
    x = torch.randn(32, 1, 4, 4)
    whole, ints = (
        C(samples=1).measure(Subject(net, CPU, values=values, inputs=lambda: x)).exits[1]
        for values in ("float32", "int8")
    )
    assert ints["flash.cortex-m4"].source.startswith("C of int8, ")
    assert ints["ram.cortex-m4"].value < whole["ram.cortex-m4"].value
    assert ints["instructions.cortex-m4"].value < whole["instructions.cortex-m4"].value
    absent = C(samples=1).measure(Subject(net, CPU, values="int8")).absent
    assert absent.keys() == NAMES
    assert all("calibration samples, and there are none" in reason for reason in absent.values())


@pytest.mark.usefixtures("boards")
def test_a_record_holds_its_code_to_what_its_meter_was_asked(tmp_path):
    request = RunRequest(
        task="blobs", model="mlp[widths=16:8]_shared[density=0.5]", policies=("confidence",), codecs=("float32",),
        meters=("macs", "c"), recipe={"epochs": "1"},
        **{name: tmp_path / name for name in ("records", "runs", "data")},
    )  # fmt: skip
    record = run(request)
    assert record.faults() == []
    for change, hint in (
        (set_("exits", 0, "readings", "flash.cortex-m4", "value", value=10.5), "no whole number"),
        (
            set_("exits", 0, "readings", "flash.cortex-m4", "value", value=1e6),
            "less than that of the exit before",
        ),
        (set_("exits", 0, "readings", "instructions.cortex-m4", "n", value=5), "of 5 samples"),
        (set_("setup", "meters", 1, "settings", "boards", value=["cortex-m7"]), "does not fit its meters"),
        (set_("absent", value={"ram.cortex-m4": "nobody knows"}), "a reason why it has none"),
    ):
        assert hint in " ".join(edited(record, change).faults())
    table = StringIO()
    Console(file=table, width=100).print(code_table(record))
    assert "cortex-m4" in table.getvalue()
    assert "before cut 1" in table.getvalue()
    (curve,) = record.curves
    left, total = curve.test.left[curve.shipped], sum(curve.test.left[curve.shipped])
    counts = [exit_.readings["instructions.cortex-m4"].value for exit_ in record.exits]
    mean = sum(count * here / total for count, here in zip(counts, left, strict=True))
    assert (
        f"by confidence   cortex-m4         -      -   {big(mean)} ({mean / counts[-1]:.0%})"
        in table.getvalue()
    )
