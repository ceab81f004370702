"""Learned codecs in a run: trained where they are named, measured with what they cost, kept, and shipped.

Covers: bench/kinds/bases/learned_codec.py, bench/measuring/learned.py, bench/shipping/codec_files.py
"""

import json
from dataclasses import replace

import pytest
import torch

from bench import Codec, RunRequest, SeesawError, choose, open_codec, open_part, run, write_frame
from bench.boards.choice import Link, best_cut
from bench.kinds.sending import receive, send
from bench.runs.request import ResolvedRun
from bench.runs.ship import shipment_of
from bench.runs.training import codecs as training

SPEC = "bottleneck[cuts=2,epochs=2,channels=2,bits=4]"
LATE = "progressive[epochs=1,channels=4,sent=3]"


@pytest.fixture(scope="module")
def request_(tmp_path_factory):
    home = tmp_path_factory.mktemp("learned")
    return RunRequest(
        task="digits", model="lenet_dense", exits="joint[exits=2]", policies=("fixed", "confidence"),
        codecs=(SPEC, "int8", LATE), meters=("macs", "storage", "latency[rounds=3,seconds=0.1]"), recipe={"epochs": "2"},
        **{name: home / name for name in ("records", "runs", "data")},
    )  # fmt: skip


@pytest.fixture(scope="module")
def record(request_):
    torch.manual_seed(0)
    return run(request_)


def test_its_record_is_sound_and_has_each_codec_where_it_is_named(record):
    assert record.faults() == []
    by_cut = [
        sorted(name.removeprefix("payload.") for name in cut.readings if name.startswith("payload."))
        for cut in record.cuts
    ]
    assert by_cut == [
        ["image8", "jpeg"],
        sorted(["int8", LATE]),
        sorted(["int8", LATE, SPEC]),
        sorted(["int8", LATE]),
        [],
    ]
    for cut in record.cuts[1:-1]:
        assert all(sorted(early.behind) == by_cut[cut.before] for early in cut.early)
    assert record.cuts[2].readings[f"payload.{SPEC}"].value == 2 * 2 * 2 / 2


def test_coding_is_counted_by_hand(record):
    """Cut 2 of this network has 32 maps of 2 x 2."""
    readings = record.cuts[2].readings
    assert readings[f"encoder.macs.{SPEC}"].value == 2 * 32 * 9 * 4
    assert readings[f"decoder.macs.{SPEC}"].value == 32 * 2 * 9 * 4 + 32 * 32 * 9 * 4
    assert readings[f"encoder.bytes.{SPEC}"].value > 4 * (2 * 32 * 9 + 2)
    assert readings[f"encoder.latency.{SPEC}"].value > 0
    assert readings[f"decoder.latency.{SPEC}"].unit == "s"


def test_the_best_cut_pays_for_coding(record):
    fast = record.model_copy(deep=True)
    for cut in fast.cuts:
        for name in list(cut.readings):
            if name.startswith(("encoder.latency", "decoder.latency")):
                cut.readings[name] = cut.readings[name].model_copy(update={"value": 100.0, "high": 100.0})
    choice = best_cut(fast, Link("slow", 1e3))
    assert choice is not None
    assert choice.codec not in (SPEC, LATE)


def test_measured_again_nothing_is_trained_anew(record, request_, monkeypatch):
    monkeypatch.setattr(training._Training, "__call__", None)
    again = run(request_, measure=True)
    for cut, other in zip(record.cuts, again.cuts, strict=True):
        for name, reading in cut.readings.items():
            if name.startswith(("payload", "top1", "encoder.macs")):
                assert other.readings[name].value == reading.value


def test_a_cut_that_the_network_has_not_is_a_sentence_before_training(request_):
    wrong = replace(request_, codecs=("bottleneck[cuts=7]",), seed=9)
    with pytest.raises(SeesawError, match="names cut 7, and this network has the inner cuts 1 to 3"):
        run(wrong)


def test_a_codec_that_was_not_trained_codes_nothing():
    with pytest.raises(SeesawError, match="Name it in a run"):
        choose(Codec, "bottleneck").plugin.encode(torch.zeros(3))


@pytest.mark.parametrize("spec", [SPEC, LATE, "uint[bits=4]", "variable-rate[epochs=1,rate=1]"])
def test_both_sides_of_a_shipped_cut_answer_as_the_network_does_behind_the_codec(
    record, request_, tmp_path, spec
):
    one = ResolvedRun.of(request_)
    shipment = shipment_of(one, tmp_path, samples=6, cut=2, codec=spec)
    shipment.pack()
    device, server = open_part(tmp_path, "device"), open_part(tmp_path, "server")
    encoder, decoder = open_codec(tmp_path, "device"), open_codec(tmp_path, "server")
    cut = shipment.net.crossing(2)
    with torch.no_grad():
        x = device.run(shipment.inputs)[0]
        _, expected = send(cut, x, shipment.codec[1])
        frames = [write_frame(encoder.encode(feature), cut.shape) for feature in x]
        arrived = receive(cut, frames, decoder)
        assert torch.equal(arrived, expected)
        answers = server.run(arrived)[-1]
    if spec == SPEC:
        assert [len(one) - 24 for one in frames] == [
            int(record.cuts[2].readings[f"payload.{SPEC}"].value)
        ] * 6
    assert answers.shape == (6, 10)
    if spec != "uint[bits=4]":
        with pytest.raises(SeesawError, match="the other side"):
            decoder.encode(x[0])
        with pytest.raises(SeesawError, match="the other side"):
            encoder.decode(encoder.encode(x[0]), cut.shape)


def test_a_codec_file_of_another_codec_or_a_damaged_one_is_a_sentence(record, request_, tmp_path):
    shipment_of(ResolvedRun.of(request_), tmp_path, samples=2, cut=2, codec=SPEC).pack()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    for change, sentence in [
        ({"spec": "bottleneck[channels=3]"}, "not those of this codec"),
        ({"shape": [16, 4, 4]}, "not those of this codec"),
        ({"spec": "somewhere/mine.py:Mine"}, "is a draft"),
        ({"files": {}}, "lacks the device's half"),
        (
            {"spec": "bottleneck[channels=1024]", "shape": [1000, 1000, 1000]},
            "numbers, and one that a file describes|holds no",
        ),
        ({"shape": []}, "holds no"),
    ]:
        changed = manifest | {"codec": manifest["codec"] | change}
        (tmp_path / "manifest.json").write_text(json.dumps(changed))
        with pytest.raises(SeesawError, match=sentence):
            open_codec(tmp_path, "device")
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    file = tmp_path / "devicecodec.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(SeesawError, match="is not the file that was packed"):
        open_codec(tmp_path, "device")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"codec": "int8"}, "Name one: --cut K"),
        ({"codec": "picture", "cut": 2}, "sends inputs"),
        ({"codec": SPEC, "cut": 1}, "is not trained at cut 1"),
    ],
)
def test_a_codec_that_does_not_fit_the_cut_is_a_sentence(record, request_, tmp_path, options, sentence):
    with pytest.raises(SeesawError, match=sentence):
        shipment_of(ResolvedRun.of(request_), tmp_path, samples=2, **options)


def test_a_folder_without_a_codec_is_a_sentence(record, request_, tmp_path):
    shipment_of(ResolvedRun.of(request_), tmp_path, samples=2, cut=2).pack()
    with pytest.raises(SeesawError, match="names no codec"):
        open_codec(tmp_path, "device")


def test_what_codecs_cost_has_a_table_of_its_own(record):
    from rich.console import Console

    from bench.boards.show.record import codecs_table, cuts_table

    console = Console(width=200, markup=False)
    with console.capture() as capture:
        console.print(cuts_table(record), codecs_table(record))
    shown = " ".join(capture.get().split())
    assert SPEC in shown
    assert "encoder" in shown
    assert f" {LATE} 48 " in shown  # three of four channels of 4 x 4 at cut 1
    assert len(cuts_table(record).columns) == 6
