"""One pass over a split, against the network run sample by sample."""

import pytest
import torch

from bench import SeesawError
from bench.kinds.build import assemble
from bench.measuring import tracing
from bench.measuring.passes import MANY, Passes
from bench.testing import AllExits, TinyBackbone, TinyTask

CPU, COSTS = torch.device("cpu"), torch.tensor([1.0, 2.0, 4.0])


@pytest.fixture
def subject():
    task = TinyTask()
    return assemble(TinyBackbone(), task.about(), AllExits()), task.data(None, 0)


def test_a_trace_has_the_logits_of_every_exit_and_sample_in_the_order_of_the_split(subject, monkeypatch):
    net, data = subject
    monkeypatch.setattr(tracing, "BATCH", 7)  # 32 samples: the last batch is not whole
    trace = tracing.trace(Passes(net.eval(), CPU, MANY), data, data.test, COSTS)
    with torch.no_grad():
        alone = [torch.stack(net.eval()(data.scale(one[None]))) for one in data.test.inputs]
    torch.testing.assert_close(trace.logits, torch.cat(alone, 1), rtol=1e-4, atol=1e-5)
    assert torch.equal(trace.labels, data.test.labels)


@pytest.mark.parametrize("number", [torch.nan, torch.inf])
def test_logits_that_are_not_finite_are_refused(subject, number):
    net, data = subject
    with torch.no_grad():
        net.head(1)[-1].bias[0] = number
    with pytest.raises(SeesawError, match="infinite or NaN logits"):
        tracing.trace(Passes(net.eval(), CPU, MANY), data, data.test, COSTS)
