"""One request from training to its record.

Covers: baselines/methods/narrow.py, bench/runs/account.py, bench/runs/defaults.py, bench/runs/measure.py,
    bench/runs/trained.py
"""

import math
from dataclasses import replace
from io import StringIO

import pytest
import torch
from rich.console import Console
from safetensors.torch import save_file
from torch import nn

from bench import Net, SeesawError, Trace, unpack
from bench.boards.board import read_boards
from bench.boards.show.record import PARTS, shown
from bench.kinds.build import assemble, untrained
from bench.kinds.policy import Policy
from bench.plugins.plugin import choose
from bench.records.record import CALIBRATED, load
from bench.records.store import Store
from bench.replay.exits.curve import curve
from bench.replay.exits.decide import leaves_now
from bench.replay.exits.scores import top
from bench.replay.exits.states import load_states
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.train import _check_batch
from bench.runs.trained import network_of
from bench.shipping.packed.pack import restore
from bench.shipping.packed.weights import load_weights

QUICK = {"policies": ("confidence", "fixed", "oracle"), "meters": ("macs", "storage")}


def order(places, model="mlp_sparse", **changes):
    return RunRequest(**({"task": "blobs", "model": model, **QUICK, **places} | changes))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One whole run with every meter."""
    top = tmp_path_factory.mktemp("run")
    places = {name: top / name for name in ("records", "runs", "data")}
    request = RunRequest(task="blobs", model="resnet[depth=8]_sparse", **places)
    return ResolvedRun.of(request), run(request)


def test_the_record_lies_at_the_path_of_its_settings(done):
    plan, record = done
    assert load(plan.path) == record
    assert record.path(plan.request.records) == plan.path


def test_the_record_holds_every_reading(done):
    plan, record = done
    assert [exit_.stage for exit_ in record.exits] == sorted({exit_.stage for exit_ in record.exits})
    for exit_ in record.exits:
        assert {
            "top1",
            "top5",
            "macs",
            "macs.effective",
            "parameters",
            "bytes.pattern",
            "latency",
            "memory",
        } <= set(exit_.readings)
    assert len(record.cuts) == 5
    assert {"payload.image8", "payload.jpeg", "latency.server"} <= set(record.cuts[0].readings)
    assert {"payload.int8", "framed.int8", "top1.int8", "bytes.dense.device"} <= set(record.cuts[1].readings)
    assert {curve.policy for curve in record.curves} == {choice.spec for choice in plan.policies}
    assert {"confidence", "budgeted", "gates", "eenet", "random", "never"} <= {
        c.policy for c in record.curves
    }
    assert [curve.reference for curve in record.curves if curve.policy == "oracle"] == [True]
    for exit_ in record.exits:
        assert {"temperature", "ece", "ece.scaled", "overthinking", "underthinking"} <= set(exit_.readings)
    assert {"overthinking", "underthinking"} <= set(record.net)
    assert "energy" in record.exits[0].readings or "energy" in record.absent
    assert record.budget == 1.0
    assert len(record.training) == 3
    assert record.versions["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert {layer.density for layer in record.layers} == {0.125, 1.0}


def test_the_network_learnt_something(done):
    assert done[1].exits[-1].readings["top1"].value > 0.8


def test_device_and_server_are_the_whole(done):
    record = done[1]
    assert record.cuts[-1].readings["macs.effective.device"] == record.exits[-1].readings["macs.effective"]


def test_execution_and_replay_agree_on_every_sample(done):
    plan, record = done
    net = assemble(plan.backbone.plugin, plan.about, plan.exits.plugin)
    restore(net, plan.files.weights.read_bytes())
    net.eval()
    calibration, test = map(Trace.load, (plan.files.calibration, plan.files.test))
    states = load_states(plan.files.states)
    data = plan.task.plugin.data(plan.request.data, 0)
    inputs = data.scale(data.test.inputs)
    for name in (one.policy for one in record.curves if not one.reference):
        policy = choose(Policy, name).plugin
        points = curve(policy, calibration, test)
        for point, state in zip(points, states[name], strict=True):
            assert all(torch.equal(point.state[key], state[key]) for key in state)
        recorded = next(one for one in record.curves if one.policy == name)
        assert [point.accuracy for point in recorded.outcomes] == [point.test.accuracy for point in points]
        for point in points[:: max(1, len(points) // 7)]:
            with torch.no_grad():
                walk = net.walk(inputs, leaves_now(policy, point.state))
            chosen = test.logits[point.test.exits, torch.arange(len(inputs))]
            close = (point.test.exits == walk.exits).float().mean()
            assert close == 1.0
            torch.testing.assert_close(walk.logits, chosen, atol=1e-4, rtol=1e-4)


def test_the_packed_file_is_the_storage_reading(done):
    plan, record = done
    data = plan.files.weights.read_bytes()
    assert len(data) == record.exits[-1].readings["bytes.pattern"].value
    assert len(unpack(data)[1]) == sum(layer.density < 1 for layer in record.layers)


def test_the_same_seed_gives_the_same_record_and_another_seed_another(places):
    one, again = run(order(places)), run(order(places | {"records": places["records"] / "b"}))
    other = run(order(places, seed=1))
    assert one.untimed() == again.untimed()
    assert one.digest == other.digest
    assert one.untimed()["exits"] != other.untimed()["exits"]


@pytest.mark.parametrize(
    "method", ["dense", "sparse[density=0.25]", "pruned[density=0.25]", "narrow[density=0.25]"]
)
@pytest.mark.parametrize(
    "exits", ["joint", "joint[alone=0.5]", "frozen", "single", "sdn", "distilled", "equilibrium", "ztw"]
)
def test_every_method_runs_with_every_exits_plan(places, method, exits):
    record = run(order(places, f"mlp[widths=64:64]_{method}", exits=exits, codecs=("int8",)))
    assert len(record.exits) == (1 if exits == "single" else 2)
    assert record.budget == pytest.approx(1.0)
    assert math.isfinite(record.exits[-1].readings["top1"].value)


def test_all_methods_of_a_seed_start_from_the_same_weights(places):
    runs = [ResolvedRun.of(order(places, f"mlp_{method}")) for method in ("dense", "sparse", "pruned")]
    nets = [
        untrained(one.backbone.plugin, one.method.plugin, one.exits.plugin, one.about, seed=one.seed)[1]
        for one in runs
    ]
    for net in nets[1:]:
        for name, value in nets[0].state_dict().items():
            assert torch.equal(value, net.state_dict()[name])


def test_narrow_has_the_parameters_of_sparse(places):
    record = {
        m: run(order(places, f"mlp_{m}")).exits[-1].readings["parameters"].value for m in ("sparse", "narrow")
    }
    assert record["narrow"] == pytest.approx(record["sparse"], rel=0.03)


def test_nothing_is_lost_when_the_network_is_disconnected(places):
    record = run(order(places, "mlp_pruned[density=0.0001]"))
    assert record.notes["disconnected layers"]
    assert 0 < record.exits[-1].readings["top1"].value < 0.5


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        (
            {"model": "mlp_sparse[density=0.3]"},
            r"density 0.3 is not feasible.*nearest feasible are.*nearest=true",
        ),
        ({"model": "mlp_sparse[fan_out=2:3]"}, "2 numbers for 4 layers"),
        ({"model": "mlp_sparse[fan_out=1:2:8:8]"}, "nearest feasible"),
        ({"recipe": {"lr": "1e30"}}, "training loss became"),
        ({"recipe": {"lrr": "1"}}, "did you mean 'lr'"),
        ({"recipe": {"epochs": "many"}}, "epochs"),
        ({"recipe": {"batch": "0"}}, "batch"),
        ({"model": "mlp[widths=]"}, "no stages"),
        ({"model": "mlp[widths=0]"}, "widths"),
        ({"exits": "joint[exits=0]"}, "exits"),
        ({"device": "tpu"}, "no device 'tpu'"),
        ({"exits": "joint[at=7]"}, "no stage 7"),
        ({"codecs": ("int8", "int8")}, "named twice"),
        (
            {"recipe": {"lr": "1e38", "optimizer": "sgd", "epochs": "1"}, "task": "blobs[train=32]"},
            "diverged|NaN|loss became",
        ),
        ({"exits": "joint[weights=1:2:3]"}, "3 weights for 2 exits"),
        ({"task": "blobs[side=3]"}, "side"),
    ],
)
def test_a_mistake_is_one_sentence_that_ends_in_what_to_do(places, changes, hint):
    with pytest.raises(SeesawError, match=hint) as error:
        run(order(places, **changes))
    assert str(error.value).endswith(".")


def test_a_folder_that_cannot_be_written_is_found_before_training(places, tmp_path):
    (tmp_path / "file").write_text("")
    phases = []
    with pytest.raises(SeesawError, match=r"Records cannot be written.*--records"):
        run(order(places | {"records": tmp_path / "file" / "x"}), lambda phase, *rest: phases.append(phase))
    assert phases == []


def checkpoint(places, exits="single"):
    """A network's tensors under another code base's names, in the same order."""
    plan = ResolvedRun.of(order(places, "resnet[depth=8]", exits=exits))
    net = assemble(plan.backbone.plugin, plan.about, plan.exits.plugin)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_()
    names = (k.rpartition(".")[2] for k in net.state_dict())
    return net, {
        f"module.l{i}.{k}": v for i, (k, v) in enumerate(zip(names, net.state_dict().values(), strict=True))
    }


@pytest.mark.parametrize("counters", [True, False])
def test_a_published_checkpoint_is_measured_as_it_is(places, tmp_path, counters):
    net, tensors = checkpoint(places)
    path = tmp_path / "resnet20.th"
    torch.save(
        {"state_dict": {k: v for k, v in tensors.items() if v.dim() or counters}, "best_prec1": 92.6}, path
    )
    request = order(places, "resnet[depth=8]", exits="single", weights=path, recipe={"epochs": "0"})
    record = run(request)
    assert record.training == []
    assert record.budget == 0
    assert record.setup.weights is not None
    tensors = unpack(ResolvedRun.of(request).files.weights.read_bytes())[0]
    for name, value in net.state_dict().items():
        if value.dim():
            assert torch.equal(tensors[name], value)


def test_weights_that_do_not_fit_are_a_sentence(places, tmp_path):
    net, tensors = checkpoint(places)
    early, _ = checkpoint(places, exits="joint")
    path = tmp_path / "w.pt"
    torch.save(tensors, path)
    with pytest.raises(SeesawError, match="EXITS=single"):
        load_weights(early, path)
    torch.save({k: (v[:1] if i == 3 else v) for i, (k, v) in enumerate(tensors.items())}, path)
    with pytest.raises(SeesawError, match="Choose the backbone's settings"):
        load_weights(net, path)


def test_a_safetensors_file_is_taken_by_names(places, tmp_path):
    net, tensors = checkpoint(places)
    path = tmp_path / "w.safetensors"
    save_file({k: v for k, v in net.state_dict().items() if v.dim()}, path)
    twin, _ = checkpoint(places)
    load_weights(twin, path)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), twin.parameters(), strict=True))
    save_file({k: v for k, v in tensors.items() if v.dim()}, path)
    with pytest.raises(SeesawError, match="keeps no order"):
        load_weights(net, path)


def test_a_runs_own_packed_file_can_be_started_from(done, places):
    plan, record = done
    weights = plan.files.weights
    request = order(places, "resnet[depth=8]", weights=weights, recipe={"epochs": "0"})
    again = run(request)
    assert [e.readings["top1"] for e in again.exits] == [e.readings["top1"] for e in record.exits]


def test_given_weights_may_have_seen_the_calibration_split_and_the_record_says_so(done, places):
    plan, record = done
    given = {"weights": plan.files.weights, "recipe": {"epochs": "0"}}
    usual = run(order(places, "resnet[depth=8]", **given))
    seen, unseen = (Trace.load(file) for file in (plan.files.calibration, plan.files.test))
    shares = (f"{top(one.logits[-1], one.labels, 1):.1%}" for one in (seen, unseen))
    there, here = shares
    assert f"top-1 {there} there, {here} on the test split" in usual.notes[CALIBRATED]
    assert usual.notes[CALIBRATED].endswith("--calibrate test")
    assert any("Note, calibration:" in str(one) for one, _ in shown(usual, plan.store))
    assert CALIBRATED not in record.notes


def test_a_part_of_the_test_split_calibrates_and_is_left_out_of_it(done, places):
    plan, _ = done
    given = {"weights": plan.files.weights, "recipe": {"epochs": "0"}}
    usual = ResolvedRun.of(order(places, "resnet[depth=8]", **given))
    one = ResolvedRun.of(order(places, "resnet[depth=8]", calibrate="test:0.25", **given))
    assert one.setup.digest() != usual.setup.digest()
    assert "calibrate" not in usual.setup.model_dump(exclude_none=True)
    whole, parted = usual.splits(), one.splits()
    assert len(parted.calibration.labels) == round(0.25 * len(whole.test.labels))
    rows = [
        tuple(row.flatten().tolist()) for part in (parted.calibration, parted.test) for row in part.inputs
    ]
    assert sorted(rows) == sorted(tuple(row.flatten().tolist()) for row in whole.test.inputs)
    measured = run(one)
    assert CALIBRATED not in measured.notes
    assert measured.exits[-1].readings["top1"].n == len(parted.test.labels)
    trace = Trace.load(one.files.calibration)
    assert torch.equal(trace.labels, parted.calibration.labels)
    console = Console(file=StringIO(), width=140)
    for part, _ in PARTS["settings"](measured, one.store):
        console.print(part)
    assert "on 0.25 of the test split, which is left out of it" in console.file.getvalue()


def test_a_trained_network_is_calibrated_otherwise_without_training(done):
    plan, record = done
    again = run(replace(plan.request, calibrate="test"))
    assert again.training == record.training
    assert again.setup.calibrate == 0.2
    assert again.exits[-1].readings["top1"].n == round(0.8 * record.exits[-1].readings["top1"].n)


@pytest.mark.parametrize("text", ["train", "test:", "test:0", "test:1", "test:x", "0.2", "test:nan"])
def test_a_calibration_that_cannot_be_is_a_sentence(places, text):
    with pytest.raises(SeesawError, match=r"Thresholds cannot be set on .* Write test, for 20%"):
        ResolvedRun.of(order(places, calibrate=text))


@pytest.mark.parametrize("batch", ["1", "2"])
def test_a_batch_that_normalisation_cannot_take_is_a_sentence_before_training(batch):
    one = ResolvedRun.of(RunRequest(task="blobs", model="resnet", recipe={"batch": batch}))
    net = Net([nn.Sequential(nn.Flatten(), nn.LazyLinear(4), nn.BatchNorm1d(4))], one.about.sample, 2)
    net.hang(0, nn.Linear(4, 2))
    data = one.splits()
    if batch == "2":
        _check_batch(one, net, data)
    else:
        with pytest.raises(SeesawError, match=r"normalises over a batch.*--set batch=2 or more"):
            _check_batch(one, net, data)
    assert net.training


def test_a_batch_larger_than_the_training_split_is_taken_with_a_word(caplog):
    one = ResolvedRun.of(RunRequest(task="blobs", model="mlp", recipe={"batch": "1000000"}))
    _, net = untrained(one.backbone.plugin, one.method.plugin, one.exits.plugin, one.about, seed=0, cut=None)
    with caplog.at_level("WARNING", logger="seesaw"):
        _check_batch(one, net, one.splits())
    assert "batch=1000000 is more than the" in caplog.text


@pytest.mark.parametrize(("crop", "sound"), [("1", True), ("500", False)])
def test_a_crop_that_may_lose_the_image_is_a_sentence(crop, sound):
    request = RunRequest(task="digits", model="mlp", recipe={"crop": crop})
    if sound:
        assert ResolvedRun.of(request).recipe.crop == 1
    else:
        with pytest.raises(SeesawError, match=r"crop=500 may move an image of .* out of sight"):
            ResolvedRun.of(request)


class Evil:
    def __reduce__(self):
        return print, ("a stranger's code ran",)


@pytest.mark.parametrize("content", [Evil(), {"state_dict": Evil()}, {"a": 1}, b"nonsense"])
def test_no_checkpoint_runs_a_strangers_code(places, tmp_path, content, capsys):
    path = tmp_path / "w.pt"
    torch.save(content, path) if not isinstance(content, bytes) else path.write_bytes(content)
    with pytest.raises(SeesawError, match="cannot be read as weights"):
        load_weights(checkpoint(places)[0], path)
    assert "stranger" not in capsys.readouterr().out


def test_the_dense_parent_is_found(places):
    dense = run(order(places, "mlp"))
    plan = ResolvedRun.of(order(places, "mlp_sparse"))
    assert plan.store.parent(plan.setup, 0) == dense
    assert plan.store.parent(plan.setup, 3) is None


CUTOFF = """
import torch
from bench import Method, hide, maskable

class Cutoff(Method):
    def prepare(self, net, train):
        first, second, *_ = maskable(net).values()
        for layer, place in ((first, (slice(0, 1), slice(None))), (second, (slice(None), slice(1, 2)))):
            mask = torch.zeros_like(layer.weight, dtype=torch.bool)
            mask[place] = True
            hide(layer, mask)
        with torch.no_grad():
            first.bias.zero_()
"""


def test_a_network_that_no_path_leads_through_is_noted(places, tmp_path):
    (tmp_path / "cutoff.py").write_text(CUTOFF)
    record = run(order(places, f"mlp_{tmp_path / 'cutoff.py'}:Cutoff", exits="single"))
    assert record.notes["exits that answer alike whatever the input"] == [0]


def test_a_sparse_file_under_another_mask_is_refused(done, places):
    plan, record = done
    weights = plan.files.weights
    changes = {"weights": weights, "recipe": {"epochs": "0"}}
    same = run(order(places, "resnet[depth=8]_sparse", **changes))
    assert same.exits[-1].readings["top1"] == record.exits[-1].readings["top1"]
    assert same.notes["weights matched"] == "by name"
    with pytest.raises(SeesawError, match="another mask"):
        run(order(places, "resnet[depth=8]_sparse", seed=1, **changes))


def test_tensors_in_another_order_are_refused(places, tmp_path):
    net, tensors = checkpoint(places)
    names = list(tensors)
    bias, mean = (next(n for n in names if n.endswith(end)) for end in (".bias", ".running_mean"))
    swap = {bias: mean, mean: bias}
    names = [swap.get(name, name) for name in names]
    torch.save({name: tensors[name] for name in names}, tmp_path / "w.pt")
    with pytest.raises(SeesawError, match="order differs"):
        load_weights(net, tmp_path / "w.pt")


@pytest.mark.parametrize("values", ["float16", "int8"])
def test_narrow_values_are_measured_without_training_and_everything_is_measured_with_them(places, values):
    whole = run(order(places))
    phases = []
    narrow = run(order(places, values=values), lambda phase, *_: phases.append(phase))
    assert "train" not in phases
    assert narrow.setup.training_digest() == whole.setup.training_digest()
    assert narrow.digest != whole.digest
    ends = [record.exits[-1].readings for record in (narrow, whole)]
    assert ends[0]["bytes.pattern"].value < 0.8 * ends[1]["bytes.pattern"].value
    plan = ResolvedRun.of(order(places, values=values))
    data = plan.files.weights.read_bytes()
    assert len(data) == ends[0]["bytes.pattern"].value
    network_of(plan, plan.trained())
    trace = Trace.load(plan.files.test)
    assert ends[0]["top1"].value == pytest.approx(
        float((trace.logits[-1].argmax(1) == trace.labels).float().mean()), abs=1e-6
    )
    assert run(order(places, values=values), again=True).exits == narrow.exits
    rows = read_boards(Store(places["records"]))[0]["blobs-v1"].rows
    assert sorted(row.plan for row in rows) == ["joint, 3 epochs", f"joint, 3 epochs, {values} weights"]


def test_rounded_weights_are_never_taken_for_whole_ones(places):
    first = run(order(places, values="int8"))
    phases = []
    whole = run(order(places), lambda phase, *_: phases.append(phase))
    assert "train" in phases
    assert whole.setup.training_digest() == first.setup.training_digest()


def test_unknown_values_are_a_sentence(places):
    with pytest.raises(SeesawError, match=r"no values 'int4'\. Choose float32, float16, int8"):
        ResolvedRun.of(order(places, values="int4"))


def test_lean_training_is_training_on_the_weights_that_exist(places):
    usual, lean = (run(order(places, lean=lean)) for lean in (False, True))
    assert (usual.setup.lean, lean.setup.lean) == (False, True)
    assert usual.digest != lean.digest
    for one, other in zip(usual.exits, lean.exits, strict=True):
        assert one.readings["macs.effective"] == other.readings["macs.effective"]
        assert abs(one.readings["top1"].value - other.readings["top1"].value) < 0.1
    assert [row.macs for row in usual.training] == [row.macs for row in lean.training]
    for one, other in zip(usual.training, lean.training, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=0.05)


def test_lean_means_nothing_where_no_pattern_is_predefined(places):
    resolved = ResolvedRun.of(order(places, model="mlp_pruned", lean=True))
    assert not resolved.setup.lean
    assert resolved.setup.digest() == ResolvedRun.of(order(places, model="mlp_pruned")).setup.digest()


def test_the_dense_parent_of_a_lean_run_is_the_dense_run(places):
    dense = run(order(places, model="mlp"))
    plan = ResolvedRun.of(order(places, lean=True))
    assert plan.store.parent(plan.setup, 0) == dense


def test_exits_are_taken_where_a_clock_is_read_and_at_every_cut_with_exits_before_it(done, places):
    _, record = done
    walks = {(walk.policy, walk.batch): walk for walk in record.walks}
    policies = {curve.policy for curve in record.curves if not curve.reference}
    assert set(walks) == {(policy, size) for policy in (None, *policies) for size in (1, 8, 64)}
    curves = {curve.policy: curve for curve in record.curves}
    for (policy, _), walk in walks.items():
        assert walk.point == (None if policy is None else curves[policy].shipped)
    for cut in record.cuts:
        local = sum(exit_.stage < cut.before for exit_ in record.exits)
        inner = local > 0 and cut.before < len(record.cuts) - 1
        assert {early.policy for early in cut.early} == (policies if inner else set())
    assert run(order(places)).walks == []
