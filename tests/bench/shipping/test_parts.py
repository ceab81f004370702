"""What `seesaw pack` writes, opened as a device, a server, and a stranger would.

Covers: bench/shipping/manifest.py
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench import Fast, SeesawError, fast
from bench.execution.backends import Way
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.trained import network_of
from bench.shipping.manifest import MANIFEST, open_part, read_manifest
from bench.shipping.parts import Shipment

QUICK = {"policies": ("confidence",), "codecs": ("float32",), "meters": ("storage",)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A plan whose network was trained, and inputs."""
    top = tmp_path_factory.mktemp("trained")
    places = {name: top / name for name in ("records", "runs", "data")}
    order = RunRequest(
        task="blobs", model="resnet[depth=8,width=0.5]_sparse[nearest=true]", **QUICK, **places
    )
    run(order)
    plan = ResolvedRun.of(order)
    data = plan.task.plugin.data(order.data, 0)
    return plan, data.scale(data.test.inputs[:40])


def shipment(trained, folder, **more):
    plan, inputs = trained
    earlier = plan.trained()
    about = {
        "task": plan.task.spec, "backbone": plan.backbone.spec, "method": plan.method.spec, "exits": plan.exits.spec,
        "seed": 0, "record": earlier.record.digest, "shape": plan.about.sample.shape, "dtype": "float32",
        "classes": plan.about.classes,
    }  # fmt: skip
    inputs = more.pop("inputs", inputs)
    return Shipment(network_of(plan, earlier), inputs, about, folder, **({"cut": 2} | more))


@pytest.fixture
def packed(trained, tmp_path):
    ship = shipment(trained, tmp_path)
    ship.pack()
    return ship


def test_device_and_server_part_are_the_network(trained, packed, tmp_path):
    device, server = open_part(tmp_path, "device"), open_part(tmp_path, "server")
    x = trained[1]
    with torch.no_grad():
        crossing, early = device.answers(x)
        logits, late = server.answers(crossing)
        whole = packed.net(x)
    assert tuple(crossing.shape[1:]) == read_manifest(tmp_path).crossing
    assert all(torch.equal(a, b) for a, b in zip([*early, *late], whole, strict=True))
    assert torch.equal(logits, whole[-1])
    sizes = {w.part: w.bytes for w in packed.written}
    assert sizes == {p: (tmp_path / f"{p}.safetensors").stat().st_size for p in ("device", "server")}
    assert all(w.difference == 0 for w in packed.written)


def test_opening_a_part_leaves_the_callers_generator_where_it_stood(packed, tmp_path):
    before = torch.get_rng_state()
    open_part(tmp_path, "device")
    assert torch.equal(torch.get_rng_state(), before)


def test_device_and_server_run_in_processes_of_their_own(trained, packed, tmp_path):
    torch.save(trained[1], tmp_path / "x.pt")
    for part, takes, gives in (("device", "x", "crossing"), ("server", "crossing", "y")):
        code = (
            "import sys, torch; from pathlib import Path; from bench.shipping.manifest import open_part;"
            "folder = Path(sys.argv[1]);"
            f"part = open_part(folder, '{part}');"
            f"x = torch.load(folder / '{takes}.pt', weights_only=True);"
            f"torch.save(part(x).detach(), folder / '{gives}.pt')"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=100)
    with torch.no_grad():
        expected = packed.net(trained[1])[-1]
    assert torch.equal(torch.load(tmp_path / "y.pt", weights_only=True), expected)


def test_packed_parts_run_in_the_way_that_is_fastest_here(trained, packed, tmp_path):
    packed.time()
    assert all(written.fast.speedup >= 1 for written in packed.written)
    device = fast(open_part(tmp_path, "device"), trained[1][:1])
    server = fast(
        open_part(tmp_path, "server"), packed.net(trained[1])[-1].new_zeros(1, *packed.net.crossing(2).joined)
    )
    for x in (trained[1], trained[1][:1]):
        crossing, *early = device(x)
        _, *late = server(crossing)
        with torch.no_grad():
            torch.testing.assert_close([*early, *late], packed.net(x), rtol=1e-4, atol=1e-5)


def test_a_part_that_runs_otherwise_than_the_network_is_an_error(packed, monkeypatch):
    monkeypatch.setattr(
        "bench.shipping.parts.fast",
        lambda part, x, again: Fast(Way("some kernels", None), part.run, None, {}),
    )
    packed.time()
    with torch.no_grad():
        next(packed.net.stages[0].parameters()).add_(1)
    with pytest.raises(SeesawError, match=r"device\.safetensors differs from the network as some kernels"):
        packed.time()


def test_without_a_cut_one_file_holds_all(trained, tmp_path):
    shipment(trained, tmp_path, cut=None).pack()
    assert {path.name for path in tmp_path.iterdir()} == {MANIFEST, "network.safetensors"}
    assert read_manifest(tmp_path).crossing is None
    assert open_part(tmp_path, "network").final


def test_int8_parts_answer_nearly_as_float32_ones(trained, tmp_path):
    whole, narrow = shipment(trained, tmp_path / "a"), shipment(trained, tmp_path / "b", values="int8")
    x = trained[1]
    with torch.no_grad():
        before = whole.net(x)[-1]
        whole.pack()
        narrow.pack()
        after = open_part(tmp_path / "b", "server")(open_part(tmp_path / "b", "device")(x))
    assert 0 < (after - before).abs().max() < 0.05 * before.abs().max()
    assert all(a.bytes < b.bytes for a, b in zip(narrow.written, whole.written, strict=True))


def test_exported_programs_and_onnx_files_give_the_same_answers(trained, tmp_path):
    ship = shipment(trained, tmp_path)
    ship.pack()
    ship.export()
    ship.onnx()
    written = {(w.part, w.path.suffix): w for w in ship.written}
    assert set(written) == {(p, s) for p in ("device", "server") for s in (".safetensors", ".pt2", ".onnx")}
    assert all(w.difference is not None and w.difference < 1e-5 for w in written.values())


@pytest.mark.parametrize("samples", [1, 5])
def test_onnx_files_and_programs_take_batches_of_any_size_whatever_they_were_tried_on(
    trained, tmp_path, samples
):
    import onnxruntime

    ship = shipment(trained, tmp_path, cut=None, inputs=trained[1][:samples])
    ship.pack()
    ship.export()
    ship.onnx()
    program = torch.export.load(tmp_path / "network.pt2").module()
    session = onnxruntime.InferenceSession(str(tmp_path / "network.onnx"), providers=["CPUExecutionProvider"])
    for count in (1, 7):
        (logits, *exits) = session.run(None, {"x": trained[1][:count].numpy()})
        assert program(trained[1][:count])[0].shape == (count, ship.net.classes)
        assert logits.shape == (count, ship.net.classes)
        assert len(exits) == len(ship.net.exits)


@pytest.mark.parametrize("cut", [-1, 4, 99])
def test_a_cut_that_is_not_there_is_a_sentence(trained, tmp_path, cut):
    with pytest.raises(SeesawError, match=f"There is no cut {cut}"):
        shipment(trained, tmp_path, cut=cut).pack()
    assert not list(tmp_path.iterdir())


def test_a_form_that_does_not_apply_is_a_sentence(trained, tmp_path):
    with pytest.raises(SeesawError, match="The form cyclic does not say every mask"):
        shipment(trained, tmp_path, form="cyclic").pack()
    with pytest.raises(SeesawError, match="There is no form 'zip'"):
        shipment(trained, tmp_path, form="zip").pack()


@pytest.mark.parametrize("damage", ["cut short", "flipped", "grown", "missing"])
def test_a_damaged_part_is_a_sentence(packed, tmp_path, damage):
    path = tmp_path / "device.safetensors"
    data = path.read_bytes()
    middle = len(data) // 2
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({
            "cut short": data[:middle],
            "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "grown": data + b"x",
        }[damage])  # fmt: skip
    with pytest.raises(
        SeesawError, match=r"device\.safetensors (is not the file that was packed|cannot be read)"
    ):
        open_part(tmp_path, "device")


def forge(folder: Path, **changes):
    content = json.loads((folder / MANIFEST).read_text())
    part = {key.removeprefix("part_"): changes.pop(key) for key in list(changes) if key.startswith("part_")}
    content |= changes
    content["parts"]["device"] |= part
    (folder / MANIFEST).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("lies", "sentence"),
    [
        ({"part_file": "../device.safetensors"}, "is no manifest"),
        ({"part_file": "/etc/passwd"}, "is no manifest"),
        ({"part_bytes": 1 << 60}, "is no manifest"),
        ({"part_stages": [0, 1 << 40]}, "is no manifest"),
        ({"part_stages": [0, 99]}, "names stages that this network has not"),
        ({"part_stages": [1, 3]}, "another network's"),
        ({"shape": [1 << 19] * 9}, "is no manifest"),
        ({"classes": 0}, "is no manifest"),
        ({"classes": 77}, "another network's"),
        ({"backbone": "evil.py:Backbone"}, "is a draft, and a manifest runs no code"),
        ({"method": "os:system"}, "is a draft, and a manifest runs no code"),
        ({"method": "shuffled[of=evil.py:Method]"}, "is a draft, and a manifest runs no code"),
        (
            {"method": "shuffled[of=reinit[of=evil.py:Method[x=1]]]"},
            "is a draft, and a manifest runs no code",
        ),
        ({"backbone": "resnet[depth=8,width=1e308]"}, "describes no network to build"),
        ({"backbone": "resnet[depth=8]", "shape": [3, 16384, 16384]}, "lie between two stages"),
        ({"backbone": f"mlp[widths={':'.join(['1'] * 600)}]"}, "is no manifest"),
        ({"backbone": "mlp[widths=2000000:2000000:9]"}, "describes no network to build"),
        ({"backbone": "resnet[depth=60002]"}, "less than or equal to 2000"),
        (
            {"backbone": "transformer[layers=9999999]", "vocabulary": 9, "shape": [8], "dtype": "int64"},
            "more modules",
        ),
        ({"backbone": "mlp[inputs=99999999999,widths=9:9:9]"}, "more than 2,147,483,648 numbers"),
        ({"exits": "joint[exits=1000000000]"}, "less than or equal to 1000"),
        ({"backbone": "m[of=" * 99 + "m" + "]" * 99}, "brackets inside each other"),
        ({"shape": [3, 8]}, "no image"),
        ({"method": "nothing"}, "There is no method 'nothing'"),
        ({"surprise": 1}, "is no manifest"),
        ({"format": 2}, "is no manifest"),
    ],
)
def test_a_manifest_that_lies_is_a_sentence(packed, tmp_path, lies, sentence):
    forge(tmp_path, **lies)
    with pytest.raises(SeesawError, match=sentence):
        open_part(tmp_path, "device")


@pytest.mark.parametrize("named", ["nobody/nothing", "bert-base-uncased", "user/kept"])
def test_a_model_that_a_manifest_names_is_not_asked_for(packed, tmp_path, monkeypatch, named):
    asked = []

    def unknown(*words):
        asked.append(words)
        raise OSError("no network in this test")

    for place in ("socket.getaddrinfo", "socket.socket.connect", "socket.create_connection"):
        monkeypatch.setattr(place, unknown)
    monkeypatch.setattr("bench.network.pretrained._reachable", lambda: asked.append("reachable") or True)
    forge(tmp_path, backbone=f"bert[name={named}]", vocabulary=9, shape=[8], dtype="int64")
    with pytest.raises(SeesawError, match=r"the hub is not asked for what a file names .* fetch it first"):
        open_part(tmp_path, "device")
    assert asked == []


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}'])
def test_a_file_that_is_no_manifest_is_a_sentence(tmp_path, content):
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(SeesawError, match="is no manifest"):
        open_part(tmp_path, "device")


def test_a_folder_without_a_manifest_and_a_part_that_is_not_there(packed, tmp_path):
    with pytest.raises(SeesawError, match="Give a folder that `seesaw pack` wrote"):
        open_part(tmp_path / "elsewhere", "device")
    with pytest.raises(SeesawError, match="holds no part 'network'"):
        open_part(tmp_path, "network")


def test_packing_leaves_no_program_of_another_network(trained, tmp_path):
    ship = shipment(trained, tmp_path)
    for name in ("device.onnx", "server.pt2"):
        (tmp_path / name).write_bytes(b"of another network")
    ship.pack()
    assert not list(tmp_path.glob("*.onnx")) + list(tmp_path.glob("*.pt2"))
