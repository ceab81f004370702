"""Requests of a plan that are of single samples are those of a deployment."""

import numpy as np
import pytest
import torch

from bench import Profile, SplitPolicy, choose
from bench.records.run_files import RunFiles
from bench.records.store import Store
from bench.replay.deploy.deployment import network_of, side_of
from bench.replay.deploy.game import Terms, game_of, requests_of
from bench.replay.deploy.play import play
from bench.replay.exits.states import save_states
from bench.replay.plan.configuration import Configuration, Facts
from bench.replay.plan.queue import Arrivals, Road, served
from bench.replay.plan.samples import samples_of
from tests.bench.crossed import made_crossings
from tests.bench.deployed import table


@pytest.fixture
def run(traced, tmp_path):
    """The network of a made run whose samples send different bytes, with its files."""
    folder = traced(tmp_path)

    def uneven(tensors):
        for name, one in tensors.items():
            if name.endswith("int8/framed"):
                one += torch.arange(len(one)) % 37 * 20

    made_crossings(folder / "crossings.safetensors", (160, 180), change=uneven)
    files, store = RunFiles(folder), Store(tmp_path / "records", tmp_path / "runs")
    return network_of(files, store), files


def test_each_request_takes_as_long_as_in_a_deployment(run):
    network, files = run
    conditions, record = table(2, loss=0.1), network.run
    times = [side_of(choose(Profile, spec), record).times() for spec in ("scaled[by=20,watts=2]", "recorded")]
    game = game_of(record, network.trace, network.crossed, *times, conditions, Terms(64))
    come = requests_of(game, "poisson", 4.0, 100.0, 3, 1)
    theirs = play(choose(SplitPolicy, "fixed[cut=1,codec=int8]").plugin, game, come)
    arm = game.known.arms[game.known.arm(1, "int8")]
    facts = Facts(0.9, None, (), (), float(arm["device"]), float(arm["bytes"]), float(arm["server"]), False)
    samples = samples_of(record, files, Configuration(1, "int8"), facts)
    assert samples is not None
    assert len(np.unique(samples.framed)) > 20
    arrivals = Arrivals.of(4.0, 100.0, 3)
    own = served(samples.work(facts, arrivals), arrivals, Road(conditions, 64))
    assert own.seconds == pytest.approx(theirs.seconds)
    assert own.sent == pytest.approx(theirs.framed.mean())
    even = served(facts.work(arrivals), arrivals, Road(conditions, 64))
    assert even.seconds != pytest.approx(theirs.seconds)


def test_a_policy_sends_the_samples_that_it_does_not_keep(run):
    network, files = run
    states = {"confidence": [{"thresholds": torch.tensor([0.7, 0.0])}]}
    save_states(files.states, states)
    facts = Facts(0.9, None, (0.3,), (0.01,), 0.02, 300.0, 0.01, False, 0)
    samples = samples_of(network.run, files, Configuration(1, "int8", "confidence"), facts)
    assert samples is not None
    here = np.arange(len(network.crossed.samples)) % 5 != 0
    sure = network.trace.logits[0].softmax(1).amax(1).numpy()[network.crossed.samples][here] >= 0.7
    assert 0 < sure.sum() < len(sure)
    assert (samples.exits == np.where(sure, 0, 1)).all()
    work = samples.work(facts, Arrivals.of(4.0, 100.0, 3))
    assert set(np.round(work.device[work.is_sent], 6)) == {0.02}
    assert set(np.round(work.device[~work.is_sent], 6)) == {0.01}


def test_without_the_folder_or_the_point_there_are_none(run, tmp_path):
    network, files = run
    facts = Facts(0.9, None, (), (), 0.02, 300.0, 0.01, False, 7)
    assert samples_of(network.run, RunFiles(tmp_path / "nowhere"), Configuration(1, "int8"), facts) is None
    assert samples_of(network.run, files, Configuration(1, "int8", "confidence"), facts) is None
    assert samples_of(network.run, files, Configuration(1, "uint"), facts) is None
