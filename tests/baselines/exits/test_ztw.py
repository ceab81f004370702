import math

import pytest
import torch

from baselines.exits.ztw import Cascaded
from bench import Exits, Linked, Method, Policy, Trace
from bench.plugins.plugin import choose
from bench.replay.exits.curve import curve
from bench.replay.exits.decide import leaves_now
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.trained import network_of
from bench.shipping.manifest import open_part
from bench.shipping.parts import Shipment
from bench.testing import trained


def cascade(count=3, classes=4):
    """Heads on the same features, as Zero Time Waste chains them, with weights as if trained."""
    heads = [Cascaded(torch.nn.Linear(6, classes), number, classes) for number in range(count)]
    with torch.no_grad():
        for head in heads:
            for parameter in head.parameters():
                parameter.normal_()
    return heads


def answers_of(heads, x):
    own_logits, answers = [], []
    for head in heads:
        logits = head(x, own_logits)
        answers.append(head.answer(logits, own_logits))
        own_logits.append(logits)
    return answers, own_logits


def test_a_head_takes_the_normalised_logits_before_it_as_further_inputs():
    heads, x = cascade(), torch.randn(5, 6)
    _, own_logits = answers_of(heads, x)
    torch.testing.assert_close(own_logits[0], heads[0].head(x))
    for number in (1, 2):
        head, before = heads[number], own_logits[number - 1]
        centred = before - before.mean(1, keepdim=True)
        normal = centred / (before.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        normal = normal * head.norm.weight + head.norm.bias
        both = torch.cat([x, normal], 1)
        weight = torch.cat([head.head.weight, head.previous.weight], 1)
        torch.testing.assert_close(own_logits[number], both @ weight.T + head.head.bias)


def test_no_gradient_flows_back_through_the_cascade():
    heads, x = cascade(2), torch.randn(5, 6)
    _, own_logits = answers_of(heads, x)
    own_logits[1].sum().backward()
    assert heads[0].head.weight.grad is None
    assert heads[1].previous.weight.grad is not None


@torch.no_grad()
def test_an_exit_answers_with_the_geometric_ensemble_of_the_heads_so_far():
    heads, x = cascade(), torch.randn(5, 6)
    answers, own_logits = answers_of(heads, x)
    for m, head in enumerate(heads):
        for row in range(5):
            products = []
            for c in range(4):
                product = math.exp(float(head.bias[c]))  # b_m
                for j in range(m + 1):
                    p = float(own_logits[j][row].softmax(0)[c])
                    product *= p ** (math.exp(float(head.weights[j])) / (m + 1))  # w_mj
                products.append(product)
            expected = torch.tensor([product / sum(products) for product in products])
            torch.testing.assert_close(answers[m][row].softmax(0), expected)


def test_while_heads_are_trained_each_answers_for_itself():
    heads, x = cascade(), torch.randn(5, 6)
    for head in heads:
        head.alone = True
    answers, own_logits = answers_of(heads, x)
    assert all(torch.equal(a, b) for a, b in zip(answers, own_logits, strict=True))


def test_the_last_exit_answers_alone_and_only_early_logits_cross_a_cut():
    net, _ = trained(Method(), choose(Exits, "ztw[everywhere=true]").plugin)
    assert [isinstance(net.head(stage), Linked) for stage in net.exits] == [True, True, False]
    assert not any(head.alone for head in net.heads.values() if isinstance(head, Cascaded))
    assert [net.carried(k) for k in range(4)] == [0, 1, 0, 0]


@pytest.mark.parametrize("spec", ["frozen[everywhere=true]", "ztw[everywhere=true]"])
def test_the_backbone_of_zero_time_waste_is_that_of_frozen_training(spec):
    net, _ = trained(Method(), choose(Exits, spec).plugin)
    again, _ = trained(Method(), choose(Exits, "frozen[everywhere=true]").plugin)
    for name, value in again.stages.state_dict().items():
        assert torch.equal(value, net.stages.state_dict()[name])


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A whole run, its record, its network and inputs."""
    top = tmp_path_factory.mktemp("ztw")
    places = {name: top / name for name in ("records", "runs", "data")}
    meters = ("macs", "storage", "memory", "latency[rounds=3]")
    order = RunRequest(
        task="blobs",
        model="lenet[width=0.25]_pruned",
        exits="ztw[everywhere=true]",
        codecs=("int8",),
        meters=meters,
        **places,
    )
    record, plan = run(order), ResolvedRun.of(order)
    data = plan.task.plugin.data(order.data, 0)
    return plan, record, network_of(plan, plan.trained()), data.scale(data.test.inputs)


def test_execution_leaves_where_replay_says_with_the_same_logits(done):
    plan, _, net, inputs = done
    calibration, test = map(Trace.load, (plan.files.calibration, plan.files.test))
    policy = choose(Policy, "confidence").plugin
    for point in curve(policy, calibration, test)[::6]:
        with torch.no_grad():
            walk = net.walk(inputs, leaves_now(policy, point.state))
        assert torch.equal(walk.exits, point.test.exits)
        chosen = test.logits[point.test.exits, torch.arange(len(inputs))]
        torch.testing.assert_close(walk.logits, chosen, atol=1e-4, rtol=1e-4)


def test_the_record_is_sound_and_counts_what_crosses(done):
    plan, record, net, _ = done
    assert record.faults() == []
    assert record.notes["exits whose logits cross, by cut"] == {"1": 1, "2": 2}
    feature = torch.Size(net.shape(0)).numel() + 8  # int8, and its scale
    assert record.cuts[1].readings["payload.int8"].value == feature + 4 * plan.about.classes


def test_device_and_server_part_open_on_their_own(done, tmp_path):
    plan, record, net, inputs = done
    about = {
        "task": "blobs", "backbone": plan.backbone.spec, "method": plan.method.spec, "exits": plan.exits.spec,
        "seed": 0, "record": record.digest, "shape": plan.about.sample.shape, "dtype": "float32",
        "classes": plan.about.classes,
    }  # fmt: skip
    Shipment(net, inputs[:20], about, tmp_path, cut=2).pack()
    with torch.no_grad():
        crossing, early = open_part(tmp_path, "device").answers(inputs[:20])
        _, late = open_part(tmp_path, "server").answers(crossing)
        whole = net(inputs[:20])
    assert all(torch.equal(a, b) for a, b in zip([*early, *late], whole, strict=True))
