"""A network for texts goes through the whole house: training, exits, cuts, codecs, meters, packing, shipping."""

from argparse import Namespace

import pytest
import torch

from bench import Backbone, Exits, Method, Net, SeesawError, Task, maskable, parameters
from bench.kinds.build import untrained
from bench.network.macs import StepCost
from bench.network.sparse.mask import masked
from bench.plugins.plugin import choose, entries
from bench.replay.trace import Trace
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.trained import network_of
from bench.runs.training.budget import Budget
from bench.shipping.manifest import open_part
from bench.shipping.parts import Shipment

MODEL = "transformer[layers=3,width=16]"
TASK = "sst2[length=10,vocabulary=300]"


@pytest.fixture(scope="module")
def done(tmp_path_factory, write_texts):
    """One whole run with every meter."""
    top = tmp_path_factory.mktemp("text")
    places = {"records": top / "records", "runs": top / "runs", "data": write_texts(top / "data")}
    recipe = {"epochs": "6", "lr": "0.01", "batch": "16"}
    meters = ("macs", "storage", "latency[rounds=3]", "memory", "energy")
    request = RunRequest(
        task=TASK, model=f"{MODEL}_pruned[density=0.5]", recipe=recipe, meters=meters, **places
    )
    record = run(request)
    return ResolvedRun.of(request), record


def test_it_learns_and_its_record_is_sound(done):
    plan, record = done
    assert record.exits[-1].readings["top1"].value > 0.9
    assert record.faults(plan.path, plan.request.records) == []
    assert set(record.absent) <= {"energy", "bytes.pattern", "speedup.fastest"}


def test_the_record_notes_why_no_native_chain_ran(done):
    _, record = done
    assert record.notes["no native chain"] == "chains take float32, not torch.int64"
    assert record.exits[0].readings["latency"].source.endswith("dense kernels")


def test_densities_and_costs_are_of_what_is_left(done):
    for exit_ in done[1].exits:
        readings = exit_.readings
        assert readings["macs.effective"].value < readings["macs"].value
        assert 0.3 < readings["density.effective"].value <= readings["density"].value < 0.7


def test_ids_cross_before_the_network_and_features_in_every_codec_within_it(done):
    before, inner = done[1].cuts[0].readings, done[1].cuts[1].readings
    assert 4 * 2 <= before["payload.ids"].value <= 10 * 2
    assert before["top1.ids"].value == done[1].exits[-1].readings["top1"].value
    assert done[1].cuts[1].shape == [16, 10]
    assert [inner[f"payload.{codec}"].value for codec in ("float32", "float16", "int8")] == [640, 320, 168]
    assert abs(inner["top1.int8"].value - before["top1.ids"].value) < 0.1


def test_execution_gives_the_logits_of_the_trace(done):
    plan, _ = done
    net = network_of(plan, plan.trained())
    trace = Trace.load(plan.files.test)
    inputs = plan.task.plugin.data(plan.request.data, 0).test.inputs.long()
    walk = net.walk(inputs, lambda seen: torch.arange(seen.shape[1]) % 2 == 0)
    expected = trace.logits[walk.exits, torch.arange(len(inputs))]
    torch.testing.assert_close(walk.logits, expected, atol=1e-4, rtol=1e-4)


def test_a_stream_is_measured_with_the_same_network(done):
    plan, _ = done
    order = RunRequest(
        task=TASK.replace("]", ",stream=imdb]"), model=plan.request.model, recipe={"epochs": "0"},
        weights=plan.files.weights, meters=("macs",), data=plan.request.data,
        records=plan.request.records, runs=plan.request.runs,
    )  # fmt: skip
    streamed = choose(Task, order.task).plugin.data(order.data, 0).test
    right = network_of(plan, plan.trained())(streamed.inputs.long())[-1].argmax(1) == streamed.labels
    top1 = run(order).exits[-1].readings["top1"]
    assert (top1.value, top1.n) == (float(right.double().mean()), 18)


def test_shipped_parts_answer_as_the_network_does(done, tmp_path):
    plan, record = done
    inputs = plan.task.plugin.data(plan.request.data, 0).test.inputs[:9].long()
    about = {
        "task": plan.task.spec, "backbone": plan.backbone.spec, "method": plan.method.spec, "exits": plan.exits.spec,
        "seed": 0, "record": record.digest, "shape": (10,), "dtype": "int64", "vocabulary": 300, "classes": 2,
    }  # fmt: skip
    ship = Shipment(network_of(plan, plan.trained()), inputs, about, tmp_path, cut=1)
    ship.pack()
    assert all(one.difference is not None and one.difference < 1e-4 for one in ship.written)
    with torch.no_grad():
        logits = open_part(tmp_path, "server")(open_part(tmp_path, "device")(inputs))
        assert torch.equal(logits, ship.net(inputs)[-1])


def test_an_onnx_file_answers_as_the_network_does(done, tmp_path):
    plan, _ = done
    net = untrained(
        plan.backbone.plugin.model_copy(update={"layers": 1}),
        Method(),
        choose(Exits, "single").plugin,
        plan.about,
    )[1]
    ship = Shipment(net.eval(), torch.tensor([[1, 9, 2] + [0] * 7, [1, 8, 7, 2] + [0] * 6]), {}, tmp_path)
    ship.onnx()
    assert ship.written[0].difference < 1e-5


@pytest.mark.parametrize("name", sorted(set(entries("method")) - {"dense", "lottery", "narrow"}))
def test_every_method_makes_a_transformer(done, name):
    """Its masks have its density, hidden weights are zero, and the trained network gives finite logits."""
    plan, _ = done
    nearest = "nearest" in type(choose(Method, name).plugin).model_fields
    method = choose(Method, f"{name}[nearest=true]" if nearest else name).plugin
    exits, backbone = (
        choose(Exits, "joint[exits=2]").plugin,
        plan.backbone.plugin.model_copy(update={"layers": 2}),
    )
    data = plan.task.plugin.data(plan.request.data, 0)
    budget = Budget(
        data.lent, plan.about.recipe.model_copy(update={"batch": 60}), exits.loss, 0, torch.device("cpu")
    )
    _, net = untrained(backbone, method, exits, plan.about)
    exits.fit(net, budget, method)
    layers = [(layer, mask) for _, layer, mask in masked(net)]
    kept = sum(int(mask.sum()) for _, mask in layers) / max(sum(mask.numel() for _, mask in layers), 1)
    wanted = {"n-m": 0.5, "monarch": 0}.get(name, getattr(method, "density", None) or 0.125)
    assert abs(kept - wanted) < 0.02
    assert all(bool((layer.weight[~mask] == 0).all()) for layer, mask in layers)
    assert all(bool(torch.isfinite(answer).all()) for answer in net(data.test.inputs.long()))


def test_synflow_lets_flow_through_queries_and_keys_and_needs_no_particular_token(done):
    plan, _ = done
    method, exits = choose(Method, "synflow[density=0.2,rounds=10]").plugin, choose(Exits, "single").plugin
    train, masks = Namespace(device=torch.device("cpu"), cut=None), []
    for scale in (1.0, -7.0):
        _, net = untrained(plan.backbone.plugin, method, exits, plan.about)
        net.stages[0][0].tokens.weight.data.mul_(scale)
        method.prepare(net, train)
        masks.append({name: mask for name, _, mask in masked(net)})
    assert all(torch.equal(mask, masks[1][name]) for name, mask in masks[0].items())
    kept = {
        name: float(mask.float().mean())
        for name, mask in masks[0].items()
        if "query" in name or "key" in name
    }
    assert len(kept) == 6
    assert min(kept.values()) > 0


def test_narrow_finds_a_width_of_equal_parameters(done):
    """A width in channels, not a factor, serves it as well."""
    about = done[0].about

    def build(backbone):
        net = Net(backbone.stages(about.sample), about.sample, 2)
        net.hang(0, backbone.head(net.shapes[0], 2))
        return net

    whole = choose(Backbone, "transformer[layers=1,width=32]").plugin
    half = choose(Method, "narrow[density=0.5]").plugin.reshape(whole, build)
    dense = build(whole)
    wanted = parameters(dense) - 0.5 * sum(layer.weight.numel() for layer in maskable(dense).values())
    assert 16 < half.width < 32
    assert abs(parameters(build(half)) - wanted) < 0.15 * wanted


def test_lean_training_is_training_on_the_weights_that_exist(done):
    plan, _ = done
    method, exits = choose(Method, "shared[nearest=true]").plugin, choose(Exits, "single").plugin
    data, states = plan.task.plugin.data(plan.request.data, 0), []
    for lean in (False, True):
        backbone, net = untrained(
            plan.backbone.plugin.model_copy(update={"dropout": 0.0}), method, exits, plan.about
        )
        recipe = plan.about.recipe.model_copy(update={"epochs": 1, "batch": 40, "optimizer": "sgd"})
        budget = Budget(data.lent, recipe, exits.loss, 0, torch.device("cpu"), lean=lean)
        exits.fit(net, budget, method)
        states.append(net.state_dict())
        assert backbone.dropout == 0
    for (name, one), other in zip(states[0].items(), states[1].values(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3, msg=name)


def test_steps_without_needless_places_train_the_same_network_for_less(done, monkeypatch):
    """Texts here have at most eight tokens of ten."""
    plan, _ = done
    backbone = plan.backbone.plugin.model_copy(update={"dropout": 0.0})
    exits, data = choose(Exits, "joint").plugin, plan.task.plugin.data(plan.request.data, 0)
    recipe, states = plan.about.recipe.model_copy(update={"epochs": 1, "batch": 40, "optimizer": "sgd"}), []
    for shortens in (True, False):
        if not shortens:
            monkeypatch.setattr("bench.runs.training.lit.shortened", lambda steps: steps)
        _, net = untrained(backbone, Method(), exits, plan.about)
        budget = Budget(data.lent, recipe, exits.loss, 0, torch.device("cpu"))
        exits.fit(net, budget, Method())
        cost = StepCost(net, net.parameters())
        assert budget.log.epochs[0].macs == 120 * cost.at((8 if shortens else 10,)).now()
        states.append(net.state_dict())
    for (name, one), other in zip(states[0].items(), states[1].values(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3, msg=name)


@pytest.mark.parametrize(
    ("model", "recipe", "hint"),
    [
        ("mlp", {}, "names, not quantities.* `seesaw list backbone`"),
        ("lenet", {}, "is no image"),
        ("resnet", {}, "is no image"),
        (MODEL, {"crop": "2"}, "neither cropped nor mirrored"),
        (MODEL, {"flip": "true"}, "neither cropped nor mirrored"),
    ],
)
def test_what_is_not_for_texts_is_a_sentence(done, model, recipe, hint):
    where = done[0].request
    order = RunRequest(
        task=TASK, model=model, recipe=recipe, data=where.data, records=where.records, runs=where.runs
    )
    with pytest.raises(SeesawError, match=hint):
        run(order)


def test_a_transformer_takes_no_images(places):
    with pytest.raises(SeesawError, match="is no text"):
        run(RunRequest(task="blobs", model=MODEL, **places))
