"""The contract of every exits plan, as a check."""

from __future__ import annotations

import torch

from bench.kinds.exits import Exits
from bench.kinds.method import Method
from bench.network.net import Net
from bench.shipping.packed.pack import pack, restore
from bench.testing.backbones import same_behind_cut
from bench.testing.facts import Facts
from bench.testing.resumed import goes_on
from bench.testing.tiny import CLASSES, trained


def check_exits(exits: Exits) -> list[str]:
    """Check that the last stage has a head, that a finite loss trains every head within the budget, and that
    walks, cuts, packing and a killed training change no logits.
    """
    facts = Facts()
    reached: set[str] = set()

    class Watched(Method):
        def replace(self, net: Net, cut: int | None = None) -> None:
            for name, parameter in net.heads.named_parameters():
                parameter.register_hook(lambda g, name=name: reached.add(name) if bool(g.any()) else None)

    net, budget = trained(Watched(), exits)
    facts.hold(net.exits[-1] == len(net.stages) - 1, "the last stage carries a head")
    start, _ = trained(Method(), exits, train=False)
    before, after = start.state_dict(), net.state_dict()
    idle = [
        key for key, p in net.named_parameters() if p.requires_grad and torch.equal(before[key], after[key])
    ]
    facts.hold(not idle, "training moves every parameter", f"These did not move: {', '.join(idle[:3])}.")
    missed = [name for name, _ in net.heads.named_parameters() if name not in reached]
    facts.hold(not missed, "every head gets a gradient", f"These got none: {', '.join(missed[:3])}.")
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
    check_same_logits(facts, net.eval(), start.eval())
    goes_on(facts, Method(), exits, net)
    return list(dict.fromkeys(facts))


@torch.no_grad()
def check_same_logits(facts: Facts, net: Net, twin: Net) -> None:
    """Check that a network gives the same logits walked, cut, or unpacked (`twin`) as in one piece."""
    x = torch.randn(12, *net.sample.shape, generator=torch.Generator().manual_seed(0))
    whole = torch.stack(net(x))
    facts.hold(whole.shape == (len(net.exits), 12, net.classes), "every exit gives (N, classes)")
    for every in (1, 2, 3):
        walk = net.walk(x, lambda logits, every=every: torch.arange(logits.shape[1]) % every == 0)
        expected = whole[walk.exits, torch.arange(12)]
        facts.hold(
            torch.allclose(walk.logits, expected, atol=1e-4), "a walk leaves with the logits of its exit"
        )
    for k in range(len(net.stages) + 1):
        front, back = net.cut(k)
        crossing, early = front.answers(x)
        final, late = back.answers(crossing)
        same_behind_cut(facts, final, whole[-1], k)
        same_behind_cut(facts, back(front(x)), whole[-1], k)
        facts.hold(
            k == len(net.stages) or tuple(crossing.shape[1:]) == net.crossing(k).joined,
            "what crosses a cut has the shape that the network says",
        )
        facts.hold(
            torch.allclose(torch.stack([*early, *late]), whole, atol=1e-4),
            "the two parts of a cut give the logits of every exit",
        )
    facts.append("back(front(x)) is the whole, at every cut")
    same = torch.equal(torch.stack(twin(x)), whole)
    facts.hold(same, "packed and unpacked it answers the same", "Keep what it answers by in the network.")
