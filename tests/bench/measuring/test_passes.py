"""Passes as chains and by kernels, against the network itself."""

import pytest
import torch

from bench.execution.chain.chain import Chain
from bench.kinds.build import assemble
from bench.measuring.passes import MANY, Passes
from bench.network.sparse.mask import hide, layers
from bench.testing import AllExits, TinyBackbone, TinyTask

CPU = torch.device("cpu")


@pytest.fixture(params=[1.0, 0.2], ids=["dense", "sparse"])
def subject(request):
    """A network at a density, some of its inputs, and whether it is to run as chains."""
    task = TinyTask()
    net = assemble(TinyBackbone(), task.about(), AllExits()).eval()
    if request.param < 1:
        for layer in layers(net).values():
            hide(layer, torch.rand_like(layer.weight) < request.param)
    data = task.data(None, 0)
    return net, data.scale(data.test.inputs), request.param < 1


def test_features_and_logits_are_those_of_the_network(subject, compiler):
    net, x, chains = subject
    passes = Passes(net, CPU, MANY)
    features, logits = passes.features(x), passes.logits(x)
    expected, exits = net.passed(x)
    assert len(features) == len(net.stages)
    for k, (one, other) in enumerate(zip(features, expected, strict=False)):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(passes.logits(one, k), logits[net.local(k) :], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logits, torch.stack(exits), rtol=1e-4, atol=1e-5)
    assert {isinstance(run, Chain) for run in passes.runs.values()} == {chains}


def test_few_samples_do_not_pay_for_chains(subject):
    net, x, _ = subject
    passes = Passes(net, CPU, MANY - 1)
    passes.logits(x)
    assert not any(isinstance(run, Chain) for run in passes.runs.values())


def test_two_passes_give_the_same_bits(subject):
    net, x, _ = subject
    assert torch.equal(Passes(net, CPU, MANY).logits(x), Passes(net, CPU, MANY).logits(x))


def test_what_no_chain_can_run_runs_by_kernels(subject, monkeypatch):
    net, x, _ = subject
    monkeypatch.setattr("bench.execution.native.why_no_kernels", lambda: "none are wanted")
    torch.testing.assert_close(Passes(net, CPU, MANY).logits(x), torch.stack(net(x)))


def test_inputs_of_another_size_are_prepared_anew(subject, compiler):
    net, x, _ = subject
    passes = Passes(net, CPU, MANY)
    assert passes.logits(x).shape == passes.logits(x[..., :-2, :-2]).shape
