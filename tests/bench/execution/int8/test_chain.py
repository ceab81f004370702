"""Chains of whole numbers beside the programs that they compute, bit for bit.

Covers: bench/execution/int8/encode.py, bench/execution/int8/forms.py, bench/execution/int8/part.py
"""

import json

import pytest
import torch

from bench import SeesawError, fast
from bench.execution.backends import chained
from bench.execution.int8.chain import int_chained, quantised_part
from bench.execution.int8.forms import AMONG
from bench.execution.program.choices import choices
from bench.execution.unsupported import Unsupported
from tests.bench.execution.chain.test_chain import network

pytestmark = pytest.mark.usefixtures("compiler")
CASES = [
    ("mlp[widths=33:17]", (1, 7, 7), "dense"),
    ("mlp[widths=64:48]", (1, 8, 8), "shared[nearest=true,outputs=16]"),
    ("mlp[widths=17:10]", (1, 8, 8), "sparse[nearest=true]"),
    ("lenet", (1, 12, 12), "dense"),
    ("resnet[depth=8,width=0.5]", (3, 9, 9), "shared[nearest=true,outputs=4]"),
    ("resnet[depth=8,width=0.5,shortcut=conv]", (3, 16, 16), "kernel[nearest=true]"),
    ("mobilenet[width=0.25]", (3, 8, 8), "dense"),
]


@pytest.mark.parametrize("among", [False, True])
@pytest.mark.parametrize(("spec", "shape", "method"), CASES)
def test_native_answers_are_the_programs_bit_for_bit_in_every_form(spec, shape, method, among):
    net = network(spec, shape, method)
    x = torch.randn(19, *shape, generator=torch.Generator().manual_seed(1))
    part = net.whole()
    program = quantised_part(part, x)
    x = torch.cat([x, 50 * x[:1], torch.full_like(x[:1], torch.nan), torch.full_like(x[:1], torch.inf)])
    theirs = torch.from_numpy(program.run(x.numpy())[0])
    forms = set()

    def form(layer, samples, possible):
        forms.add(possible[-1 if among else 0])
        return possible[-1 if among else 0]

    for lanes in (1, 16, 32):
        last, *logits = int_chained(part, program, lanes=lanes, form=form)(x)
        assert torch.equal(torch.stack(logits), theirs)
        assert torch.equal(last, theirs[-1])
    assert (AMONG in forms) == among


def test_the_form_of_a_layer_is_measured_once_and_kept(fresh, monkeypatch):
    net = network("mlp[widths=64:48]", (1, 8, 8), "sparse[nearest=true]")
    program = quantised_part(net.whole(), torch.randn(8, 1, 8, 8))
    int_chained(net.whole(), program, lanes=1)
    (file,) = fresh.glob("forms-*.json")
    kept = {
        key: form for key, form in json.loads(file.read_text())["forms"].items() if key.startswith("int8 ")
    }
    assert kept
    assert set(kept.values()) <= {"across", "among"}
    choices.cache_clear()
    monkeypatch.setattr("bench.execution.int8.forms.quickest", lambda *_: pytest.fail("measured again"))
    int_chained(net.whole(), program, lanes=1)


def test_a_part_that_sends_a_feature_gives_it_too():
    net = network("resnet[depth=8,width=0.5]", (3, 12, 12), "shared[nearest=true,outputs=4]")
    front, back = net.cut(2)
    x = torch.randn(18, 3, 12, 12)
    program = quantised_part(front, x)
    logits, feature = program.run(x.numpy())
    for lanes in (1, 16):
        sent, *answers = int_chained(front, program, lanes=lanes)(x)
        assert sent.shape == (18, *front.outgoing.shape)
        assert torch.equal(sent.flatten(1), torch.from_numpy(feature))
        assert [one.tolist() for one in answers] == logits.tolist()
    behind = quantised_part(back, sent)
    last = int_chained(back, behind, lanes=1)(sent[:3])[0]
    assert torch.equal(last, torch.from_numpy(behind.run(sent[:3].numpy())[0][-1]))


def test_eight_bits_are_a_way_where_they_are_asked_for_and_the_choice_is_kept(fresh, monkeypatch):
    net = network("mlp[widths=64:48]", (1, 8, 8), "shared[nearest=true,outputs=16]")
    x = torch.randn(1, 1, 8, 8)
    assert not any("int8" in name for name in fast(net.whole(), x).seconds)
    calibration = torch.randn(32, 1, 8, 8)
    chosen = fast(net.whole(), x, int8=calibration)
    assert "int8 chain, 1 side by side" in chosen.seconds
    monkeypatch.setattr("bench.execution.fast.measured", None)
    again = fast(net.whole(), x, int8=calibration)
    assert (again.way.name, again.seconds) == (chosen.way.name, chosen.seconds)
    if chosen.way.name.startswith("int8"):
        program = quantised_part(net.whole(), calibration)
        assert torch.equal(again(x)[0], torch.from_numpy(program.run(x.numpy())[0][-1]))
    else:
        torch.testing.assert_close(again(x)[0], chained(net.whole(), x, lanes=1)(x)[0], rtol=1e-4, atol=1e-5)


def test_what_has_no_whole_numbers_and_inputs_of_another_size_are_sentences():
    net = network("mlp[widths=17:10]", (1, 8, 8))
    with pytest.raises(SeesawError, match=r"no number on the calibration samples.*Leave int8 out"):
        fast(net.whole(), torch.randn(1, 1, 8, 8), int8=torch.full((2, 1, 8, 8), torch.nan))
    with pytest.raises(Unsupported, match="take float32 on the CPU"):
        fast(net.whole(), torch.randn(1, 1, 8, 8).double(), int8=torch.randn(2, 1, 8, 8))
    chain = int_chained(net.whole(), quantised_part(net.whole(), torch.randn(4, 1, 8, 8)), lanes=1)
    with pytest.raises(RuntimeError, match="samples of 64 numbers"):
        chain(torch.randn(2, 1, 7, 7))
