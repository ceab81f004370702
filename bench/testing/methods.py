"""The contract of every method, as a check."""

from __future__ import annotations

import copy

import torch

from bench.kinds.method import Method, maskable
from bench.network.sparse.mask import masked, parameters
from bench.shipping.packed.pack import FORMS, inference_state, pack, restore
from bench.testing.facts import Facts
from bench.testing.resumed import goes_on
from bench.testing.tiny import AllExits, trained


def check_method(method: Method) -> list[str]:
    """Check that hidden weights stay at zero, the density is the setting's, one seed gives one network, a
    killed training goes on to it, and it comes back from packed bytes.
    """
    facts = Facts()
    first, budget = trained(method, AllExits())
    for name, layer, mask in masked(first):
        hidden = layer.get_parameter("weight")[~mask]
        facts.hold(bool((hidden == 0).all()), f"hidden weights of {name} are zero after momentum and decay")
    facts.hold(all(torch.isfinite(p).all() for p in first.parameters()), "all weights are finite")
    density = getattr(method, "density", None)
    if density is not None:
        plain, _ = trained(Method(), AllExits(), train=False)
        maskable_ = sum(layer.get_parameter("weight").numel() for layer in maskable(plain).values())
        kept = parameters(first) - (parameters(plain) - maskable_)
        near = abs(kept / maskable_ - density) <= max(0.02, 0.2 * density)
        facts.hold(near, f"about {density:g} of the weights exist", f"{kept / maskable_:g} do.")
    again, _ = trained(method, AllExits())
    same = all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True)
    )
    facts.hold(same, "the same seed gives the same network")
    goes_on(facts, method, AllExits(), first)
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
