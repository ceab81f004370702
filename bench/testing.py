"""Conformance: what every plugin of a kind must hold to. Anyone runs these on their own plugin.

    from bench.testing import check_method
    def test_mine():
        check_method(Mine(density=0.25))

Each check returns the sentences it found true and raises `Nonconforming` at the first that is not.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.backbone import Backbone
from bench.budget import Budget
from bench.build import assemble
from bench.checkpoint import Checkpoints
from bench.codec import Codec
from bench.errors import SeesawError
from bench.exits import Exits
from bench.lit import Epoch, Log
from bench.meter import Found, Meter, Reading, Subject
from bench.meters.macs import Tariff
from bench.method import Method, maskable
from bench.net import Net, Part, Sample
from bench.online import Rule, plays_streams
from bench.packed import FORMS, inference_state, pack, restore
from bench.plugin import Plugin
from bench.policy import Policy, Reference, State, decides_alone
from bench.replay.curve import decide, leaves_now
from bench.sparse.mask import masked, parameters
from bench.task import About, Data, Recipe, Scale, Split, Task

IMAGE = Sample((3, 16, 16))
CLASSES = 4


class Nonconforming(SeesawError):
    """A plugin breaks its kind's contract."""


class Facts(list[str]):
    """Sentences found true."""

    def hold(self, truth: object, sentence: str, otherwise: str = "") -> None:
        """Note a sentence, or raise it as broken."""
        if not truth:
            raise Nonconforming(f"Not so: {sentence}. {otherwise or 'Mend the plugin.'}")
        self.append(sentence)


class TinyBackbone(Backbone):
    """Two convolutions and a linear layer: what methods and exits plans are checked on."""

    def stages(self, sample: Sample) -> list[nn.Module]:
        """Three stages; every layer admits densities down to 1/16."""
        a, b, c = (self.scaled(width) for width in (16, 32, 64))
        return [
            nn.Sequential(nn.Conv2d(sample.shape[0], a, 3, padding=1), nn.BatchNorm2d(a), nn.ReLU()),
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU()),
            nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * b, c), nn.ReLU()),
        ]


class TinyTask(Task):
    """Random images that carry their label in their brightness."""

    def about(self) -> About:
        """Small images in colour; two epochs with momentum and decay, which would move hidden weights."""
        recipe = Recipe(epochs=2, batch=16, optimizer="sgd", lr=0.05, weight_decay=1e-2)
        return About(CLASSES, IMAGE, recipe)

    def data(self, root: Path, seed: int) -> Data:
        """128 training samples and twice 32."""
        generator = torch.Generator().manual_seed(0)
        labels = torch.arange(192) % CLASSES
        images = (
            torch.randint(0, 64, (192, *IMAGE.shape), generator=generator) + 48 * labels[:, None, None, None]
        )
        parts = zip(images.to(torch.uint8).split([128, 32, 32]), labels.split([128, 32, 32]), strict=True)
        train, calibration, test = (Split(*part) for part in parts)
        return Data(train, calibration, test, Scale((0.4,) * 3, (0.25,) * 3))


class _AllExits(Exits):
    """A head on every stage, all trained together."""

    def hang(self, net: Net, shares: Any, head: Any) -> None:
        for stage in range(len(net.stages)):
            net.hang(stage, head(stage))

    def loss(self, logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
        return torch.stack([nn.functional.cross_entropy(one, labels) for one in logits]).sum()


def check_backbone(backbone: Backbone, sample: Sample | None = None, classes: int = CLASSES) -> list[str]:
    """Stages fit, exits and cuts agree with the whole, every parameter trains, `width` is obeyed."""
    facts, sample = Facts(), sample or backbone.example
    torch.manual_seed(0)
    net = Net(backbone.stages(sample), sample, classes)
    for stage, shape in enumerate(net.shapes):
        net.hang(stage, backbone.head(shape, classes))
    facts.hold(len(net.stages) >= 1, "it has stages, each takes what the one before gives")
    x = _inputs(sample, 3)
    loss = torch.stack(net.train()(x)).square().sum()
    loss.backward()
    idle = [name for name, p in net.named_parameters() if p.grad is None]
    facts.hold(not idle, "every parameter gets a gradient", f"These do not: {', '.join(idle[:3])}.")
    net.eval()
    with torch.no_grad():
        whole = net(x)
        if sample.vocabulary:
            less = net(x[1:, :-1])[-1]
            facts.hold(
                torch.allclose(less, whole[-1][1:], atol=1e-4),
                "a text answers alike with less padding behind it",
            )
        facts.hold(all(one.shape == (3, classes) for one in whole), "every exit gives (N, classes)")
        alone = torch.cat([net(one[None])[-1] for one in x])
        facts.hold(
            torch.allclose(alone, whole[-1], atol=1e-4), "in eval mode a sample does not feel its batch"
        )
        for k in range(len(net.stages) + 1):
            front, back = net.cut(k)
            _close(facts, back(front(x)), whole[-1], k)
        facts.append("back(front(x)) is the whole, at every cut")
        walk = net.walk(x, lambda seen: torch.zeros(seen.shape[1], dtype=torch.bool))
        facts.hold(
            torch.equal(walk.logits, whole[-1]), "a walk that never leaves gives the last exit's logits"
        )
    tariff = Tariff.of(net)
    facts.hold(tariff.upto(len(net.stages) - 1, effective=False) > 0, "its MACs can be counted")
    twin = copy.deepcopy(net)
    data = pack(net, "dense")
    assert data is not None
    restore(twin, data)
    same = all(torch.equal(a, b) for a, b in zip(twin(x), whole, strict=True))
    facts.hold(same, "packed and unpacked it answers the same")
    half = type(backbone).model_validate(backbone.model_dump() | {"width": backbone.width / 2})
    narrow = sum(p.numel() for stage in half.stages(sample) for p in stage.parameters())
    full = sum(p.numel() for p in net.stages.parameters())
    facts.hold(narrow < 0.75 * full, "half the width has clearly fewer parameters", "Use self.scaled(...).")
    return facts


def _inputs(sample: Sample, count: int) -> Tensor:
    """Random inputs; texts of several lengths, padded."""
    if sample.dtype.is_floating_point:
        return torch.randn(count, *sample.shape)
    if not sample.vocabulary:
        return sample.blank(count)
    ids = torch.randint(1, sample.vocabulary, (count, *sample.shape))
    return ids * (torch.arange(sample.shape[0]) < sample.shape[0] - torch.arange(count)[:, None])


def _close(facts: Facts, given: Tensor, expected: Tensor, k: int) -> None:
    if not torch.allclose(given, expected, atol=1e-5):
        facts.hold(False, f"back(front(x)) is the whole at cut {k}")


def check_method(method: Method) -> list[str]:
    """Hidden weights stay at zero, the seed decides, the result packs, and the density is the asked one."""
    facts = Facts()
    first, budget = _trained(method, _AllExits())
    for name, layer, mask in masked(first):
        hidden = layer.get_parameter("weight")[~mask]
        facts.hold(bool((hidden == 0).all()), f"hidden weights of {name} are zero after momentum and decay")
    facts.hold(all(torch.isfinite(p).all() for p in first.parameters()), "all weights are finite")
    asked = getattr(method, "density", None)
    if asked is not None:
        plain, _ = _trained(Method(), _AllExits(), train=False)
        maskable_ = sum(layer.get_parameter("weight").numel() for layer in maskable(plain).values())
        kept = parameters(first) - (parameters(plain) - maskable_)
        near = abs(kept / maskable_ - asked) <= max(0.02, 0.2 * asked)
        facts.hold(near, f"about {asked:g} of the weights exist", f"{kept / maskable_:g} do.")
    again, _ = _trained(method, _AllExits())
    same = all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True)
    )
    facts.hold(same, "the same seed gives the same network")
    _goes_on(facts, method, _AllExits(), first)
    twin = copy.deepcopy(again)
    for form in FORMS:
        if (data := pack(first, form)) is None:
            continue
        restore(twin, data)
        state, other = inference_state(first), inference_state(twin)
        facts.hold(
            all(torch.equal(state[key], other[key]) for key in state), f"it comes back from {form} bytes"
        )
    facts.append(f"it spent {budget.spent:g} x the budget")
    return facts


def check_exits(exits: Exits) -> list[str]:
    """The last stage has a head, a finite loss trains every head within the budget, exits and cuts change no answer."""
    facts = Facts()
    reached: set[str] = set()

    class Watched(Method):
        def replace(self, net: Net) -> None:
            for name, parameter in net.heads.named_parameters():
                parameter.register_hook(lambda g, name=name: reached.add(name) if bool(g.any()) else None)

    net, budget = _trained(Watched(), exits)
    facts.hold(net.exits[-1] == len(net.stages) - 1, "the last stage carries a head")
    start, _ = _trained(Method(), exits, train=False)
    before, after = start.state_dict(), net.state_dict()
    idle = [
        key for key, p in net.named_parameters() if p.requires_grad and torch.equal(before[key], after[key])
    ]
    facts.hold(not idle, "training moves every parameter", f"These did not move: {', '.join(idle[:3])}.")
    deaf = [name for name, _ in net.heads.named_parameters() if name not in reached]
    facts.hold(not deaf, "every head gets a gradient", f"These got none: {', '.join(deaf[:3])}.")
    facts.hold(budget.spent <= 1.01, "it trains within the budget")
    labels = torch.arange(8) % CLASSES
    for size, progress in ((1.0, 0.0), (1.0, 1.0), (1e3, 0.5)):
        logits = [size * torch.randn(8, CLASSES) for _ in net.exits]
        loss = exits.loss(logits, labels, progress)
        facts.hold(
            loss.shape == () and bool(torch.isfinite(loss)), "the loss is a finite number for any logits"
        )
    data = pack(net, "dense")
    assert data is not None
    restore(start, data)
    _answers_alike(facts, net.eval(), start.eval())
    _goes_on(facts, Method(), exits, net)
    return list(dict.fromkeys(facts))


@torch.no_grad()
def _answers_alike(facts: Facts, net: Net, twin: Net) -> None:
    """Walked, cut or unpacked, a network must answer as it does in one piece."""
    x = torch.randn(12, *net.sample.shape, generator=torch.Generator().manual_seed(0))
    whole = torch.stack(net(x))
    facts.hold(whole.shape == (len(net.exits), 12, net.classes), "every exit gives (N, classes)")
    for every in (1, 2, 3):
        walk = net.walk(x, lambda seen, every=every: torch.arange(seen.shape[1]) % every == 0)
        there = whole[walk.exits, torch.arange(12)]
        facts.hold(torch.allclose(walk.logits, there, atol=1e-4), "a walk leaves with the logits of its exit")
    for k in range(len(net.stages) + 1):
        front, back = net.cut(k)
        crossing, early = front.answers(x)
        final, late = back.answers(crossing)
        _close(facts, final, whole[-1], k)
        _close(facts, back(front(x)), whole[-1], k)
        facts.hold(
            k == len(net.stages) or tuple(crossing.shape[1:]) == net.crossing(k),
            "what crosses a cut has the shape that the network says",
        )
        facts.hold(
            torch.allclose(torch.stack([*early, *late]), whole, atol=1e-4),
            "the two parts of a cut give the logits of every exit",
        )
    facts.append("back(front(x)) is the whole, at every cut")
    same = torch.equal(torch.stack(twin(x)), whole)
    facts.hold(same, "packed and unpacked it answers the same", "Keep what it answers by in the network.")


def check_policy(policy: Policy, exits: int = 4, classes: int = 5) -> list[str]:
    """It sees no labels, looks at no exit that was not reached, and execution decides as replay does.

    What plays streams is checked on one too: it decides from what has passed alone, compiled as it does in plain Python.
    """
    facts = Facts()
    if plays_streams(policy):
        _check_on_stream(facts, policy, exits)
        if not decides_alone(policy):
            return facts
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(exits, 200, classes, generator=generator)
    if isinstance(policy, Reference):
        labels, costs = torch.randint(classes, (200,), generator=generator), torch.arange(1.0, exits + 1)
        chosen = policy.choose(logits, labels, costs)
        facts.hold(
            chosen.shape == (200,) and chosen.dtype == torch.int64, "it chooses an exit for every sample"
        )
        facts.hold(bool(((chosen >= 0) & (chosen < exits)).all()), "every chosen exit exists")
        facts.append("it is a bound: it sees labels and is never ranked")
        return facts
    labels, costs = torch.randint(classes, (200,), generator=generator), torch.arange(1.0, exits + 1)
    verbs = (policy.score, policy.thresholds, policy.leaves)
    names = {name for verb in verbs for name in inspect.signature(verb).parameters}
    facts.hold(not names & {"labels", "label", "y", "targets"}, "no verb but `learn` asks for labels")
    kept = logits.clone()
    scores = policy.score(logits)
    facts.hold(scores.shape[:2] == (exits, 200), "one score for every exit and sample")
    for upto in range(1, exits + 1):
        early = policy.score(logits[:upto])
        facts.hold(torch.equal(early, scores[:upto]), f"scores of {upto} exits do not depend on later ones")
    facts.hold(torch.equal(policy.score(logits), scores), "the same logits give the same scores")
    states = policy.learn(logits, labels, costs, 5)
    facts.hold(states, "it has an operating point")
    plain = [type(value) is Tensor for state in states for value in state.values()]
    facts.hold(all(plain), "a state is plain tensors")
    again = policy.learn(logits, labels, costs, 5)
    facts.hold(
        len(again) == len(states) and all(map(_alike, states, again)), "it learns the same from the same"
    )
    replayed = decide(policy, states, logits)
    for state, chosen in zip(states, replayed, strict=True):
        ready = policy.leaves(scores, state)
        facts.hold(ready.shape == (exits, 200) and ready.dtype == torch.bool, "it says who leaves where")
        for upto in range(1, exits + 1):
            same = torch.equal(policy.leaves(scores[:upto], state), ready[:upto])
            facts.hold(same, "who leaves does not depend on later exits")
        walked = _Replayed(logits).walk(torch.arange(200.0)[:, None], leaves_now(policy, state))
        facts.hold(torch.equal(walked.exits, chosen), "execution and replay agree on every sample")
    facts.hold(torch.equal(logits, kept), "it leaves the logits as they are")
    return facts[:1] + list(dict.fromkeys(facts[1:]))


def _alike(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def _check_on_stream(facts: Facts, policy: Policy, exits: int) -> None:
    """A small stream, played whole, in part, and with other answers; and one of a single exit."""
    from bench.replay.play import play
    from bench.replay.stream import Stream

    rng = np.random.default_rng(0)
    stream = Stream(rng.random((200, exits)), rng.random((200, exits)) < 0.5)
    if isinstance(policy, Reference):
        rewards, costs = (torch.from_numpy(rng.random((exits, 200))) for _ in range(2))
        chosen = policy.hindsight(rewards, costs, torch.from_numpy(stream.right.T))
        sound = chosen.shape == (200,) and chosen.dtype == torch.int64
        facts.hold(sound, "on a stream it chooses an arm for every sample")
        facts.hold(bool(((chosen >= 0) & (chosen < exits)).all()), "every chosen arm exists")
        facts.append("it is a bound: it knows the stream and is never ranked")
        return
    assert isinstance(policy, Rule)

    def played(one: Stream, *, plain: bool = False) -> np.ndarray:
        return play(policy, one, one.arms(), np.random.default_rng(1), plain=plain).arms

    whole = played(stream)
    facts.hold(np.array_equal(whole, played(stream, plain=True)), "compiled it decides as in plain Python")
    facts.hold(np.array_equal(whole, played(stream)), "the same stream and draws give the same decisions")
    half = Stream(stream.confidences[:100], stream.right[:100])
    facts.hold(np.array_equal(whole[:100], played(half)), "it decides from what has passed alone")
    other = Stream(stream.confidences, ~stream.right)
    facts.hold(np.array_equal(whole, played(other)), "what is right moves no decision")
    single = Stream(stream.confidences[:, :1].copy(), stream.right[:, :1].copy())
    facts.hold(not played(single).any(), "with one exit it plays that one")


class _Replayed(Net):
    """A net whose exits give recorded logits for sample numbers."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__([nn.Identity() for _ in logits], Sample((1,)), logits.shape[-1])
        for stage, one in enumerate(logits):
            self.hang(stage, _Recorded(one))


class _Recorded(nn.Module):
    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.register_buffer("logits", logits)

    def forward(self, numbers: Tensor) -> Tensor:
        return self.get_buffer("logits")[numbers[:, 0].long()]


def check_codec(codec: Codec, tolerance: float = 0.05) -> list[str]:
    """Bytes out, the same shape back, near the original, for odd features too."""
    facts = Facts()
    generator = torch.Generator().manual_seed(0)
    features = {
        "an ordinary feature": torch.randn(4, 5, 6, generator=generator),
        "a feature of one value": torch.zeros(1),
        "a constant feature": torch.full((3, 2), -7.5),
        "a sparse feature": torch.relu(torch.randn(2, 8, 8, generator=generator) - 2),
        "a large feature": torch.randn(16, generator=generator) * 1e4,
    }
    for name, feature in features.items():
        payload = codec.encode(feature)
        facts.hold(isinstance(payload, bytes), f"{name} becomes bytes")
        back = codec.decode(payload, tuple(feature.shape))
        facts.hold(
            back.shape == feature.shape and back.dtype == torch.float32, f"{name} comes back in its shape"
        )
        span = float(feature.max() - feature.min()) or max(1.0, float(feature.abs().max()))
        miss = float((back - feature).abs().max()) / span
        facts.hold(
            miss <= tolerance,
            f"{name} comes back within {tolerance:.0%} of its span",
            f"It is off by {miss:.1%}.",
        )
        facts.hold(codec.encode(feature) == payload, f"{name} always becomes the same bytes")
    return facts


def check_task(task: Task, root: Path = Path("data")) -> list[str]:
    """Splits of the promised shapes and labels, the same held-out splits for every seed."""
    facts = Facts()
    about, data, other = task.about(), task.data(root, 0), task.data(root, 1)
    for name in ("train", "calibration", "test"):
        split: Split = getattr(data, name)
        facts.hold(
            tuple(split.inputs.shape[1:]) == about.sample.shape, f"{name} inputs have the promised shape"
        )
        facts.hold(split.labels.dtype == torch.int64, f"{name} labels are int64")
        low, high = int(split.labels.min()), int(split.labels.max())
        facts.hold(low >= 0 and high < about.classes, f"{name} labels lie in 0..classes-1", f"{low}..{high}")
    for name in ("calibration", "test"):
        one, two = getattr(data, name), getattr(other, name)
        same = torch.equal(one.inputs, two.inputs) and torch.equal(one.labels, two.labels)
        facts.hold(same, f"the {name} split is the same for every seed")
    scaled = data.scale(data.train.inputs[:256])
    facts.hold(scaled.dtype == about.sample.dtype, "scaled inputs have the promised type")
    facts.hold(task.version >= 1 and about.recipe.epochs >= 0, "it has a version and a recipe")
    return facts


def check_meter(meter: Meter) -> list[str]:
    """Readings are finite numbers with unit and source, at exits and cuts that exist."""
    facts = Facts()
    torch.manual_seed(0)
    net = assemble(TinyBackbone(), TinyTask().about(), _AllExits()).eval()
    found = meter.measure(Subject(net, torch.device("cpu")))
    facts.hold(isinstance(found, Found), "it gives what it found")
    facts.hold(set(found.exits) <= set(range(len(net.exits))), "its exits exist")
    facts.hold(set(found.cuts) <= set(range(len(net.stages) + 1)), "its cuts exist")
    readings: Iterable[Reading] = (
        reading
        for part in (found.net, *found.exits.values(), *found.cuts.values())
        for reading in part.values()
    )
    facts.hold(
        all(math.isfinite(r.value) and r.unit and r.source for r in readings), "readings have unit and source"
    )
    with torch.no_grad():
        Part(net, 0, 1)(net.sample.blank())
    facts.append("it leaves the network usable")
    return facts


CHECKS: dict[str, Callable[..., list[str]]] = {
    "task": check_task,
    "backbone": check_backbone,
    "method": check_method,
    "exits": check_exits,
    "policy": check_policy,
    "codec": check_codec,
    "meter": check_meter,
}


def check(plugin: Plugin, root: Path = Path("data")) -> list[str]:
    """Run the check of a plugin's kind."""
    return CHECKS[plugin.kind](plugin, root) if plugin.kind == "task" else CHECKS[plugin.kind](plugin)


class _Killed(BaseException):
    """Stands in for a signal that ends a run."""


def _goes_on(facts: Facts, method: Method, exits: Exits, whole: Net) -> None:
    """A run that is ended after every epoch and begun again must come to the same network."""
    with TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(folder), {})
        for kept in range(1, 1000):

            def end(epoch: Epoch, kept: int = kept) -> None:
                if epoch.index == kept - 1:
                    raise _Killed

            try:
                net, _ = _trained(method, exits, log=Log(ended=end, checkpoints=checkpoints))
                break
            except _Killed:
                continue
        else:
            raise Nonconforming("It trains for more than a thousand epochs. Give the test a shorter method.")
    same = all(
        torch.equal(a, b) for a, b in zip(whole.state_dict().values(), net.state_dict().values(), strict=True)
    )
    facts.hold(
        same,
        "ended after any epoch, it goes on to the same network",
        "What it remembers between steps must lie in the network (buffers), not beside it.",
    )


def _trained(
    method: Method, exits: Exits, *, train: bool = True, log: Log | None = None
) -> tuple[Net, Budget]:
    """The tiny network trained on the tiny task."""
    task, cpu = TinyTask(), torch.device("cpu")

    def build(backbone: Backbone) -> Net:
        with torch.device("meta"):
            return assemble(backbone, task.about(), exits)

    backbone = method.reshape(TinyBackbone(), build)
    torch.manual_seed(0)
    net = assemble(backbone, task.about(), exits, cut=1 if method.sided else None)
    method.replace(net)
    budget = Budget(task.data(Path(), 0), task.about().recipe, exits.loss, 0, cpu, log)
    if train:
        exits.fit(net, budget, method)
    return net, budget
