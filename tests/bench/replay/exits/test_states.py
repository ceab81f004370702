import json

import pytest
import torch
from safetensors.torch import save

from baselines.policies.eenet import Eenet
from baselines.policies.gates import Gates
from baselines.policies.never import Never
from bench import SeesawError, Trace
from bench.replay.exits.decide import decide
from bench.replay.exits.states import load_states, save_states


@pytest.fixture
def trace():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 200, 4, generator=generator)
    return Trace(logits, logits[2].argmax(1), torch.tensor([1.0, 2.0, 4.0]).double())


def test_states_come_back_from_their_file_and_decide_the_same(trace, tmp_path):
    policies = {"eenet[steps=5]": Eenet(steps=5), "gates": Gates(), "path/to/draft.py:Never": Never()}
    states = {spec: one.learn(trace.logits, trace.labels, trace.costs, 6) for spec, one in policies.items()}
    save_states(tmp_path / "policies.safetensors", states)
    loaded = load_states(tmp_path / "policies.safetensors")
    assert list(loaded) == list(states)
    for spec, policy in policies.items():
        before, after = (decide(policy, one[spec], trace.logits) for one in (states, loaded))
        assert all(map(torch.equal, before, after))


def test_what_holds_no_states_is_a_sentence(trace, tmp_path):
    with pytest.raises(SeesawError, match="holds no states"):
        load_states(tmp_path / "none.safetensors")
    trace.save(tmp_path / "test.safetensors")
    with pytest.raises(SeesawError, match="holds no states"):
        load_states(tmp_path / "test.safetensors")


@pytest.mark.parametrize(
    "counts", [{"never": 1 << 17}, {f"never{n}": 1000 for n in range(100)}, {"never": -1}, {"never": 1.5}]
)
def test_a_file_that_claims_more_points_than_there_can_be_is_refused(counts, tmp_path):
    path = tmp_path / "policies.safetensors"
    path.write_bytes(save({}, {"operating points": json.dumps(counts)}))
    with pytest.raises(SeesawError, match="points"):
        load_states(path)
