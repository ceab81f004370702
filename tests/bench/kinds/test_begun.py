"""What a split policy begins with is made once, and a training that was killed goes on.

Covers: bench/kinds/bases/trained_split.py
"""

import numpy as np
import pytest
import torch

from bench import Checkpoint, Count, SeesawError, SplitPolicy, TrainedSplit
from bench.kinds import begun as place
from bench.kinds.begun import begun
from bench.replay.deploy.play import play
from bench.testing.games import small_game
from tests.bench.deployed import requests

MADE = []


class Counting(SplitPolicy):
    seed: Count = 1

    def begin(self, known):
        MADE.append(self.seed)
        return np.full(3, float(self.seed))

    @staticmethod
    def choose(seen, arms, own, memory, luck):
        memory[0] += 1
        return 0


class Walking(TrainedSplit):
    steps: Count = 10

    def train(self, known, checkpoint):
        state = checkpoint.load() or {"at": torch.zeros(2)}
        while state["at"][0] < self.steps:
            state["at"] = state["at"] + torch.tensor([1.0, len(known.arms)])
            MADE.append(float(state["at"][0]))
            checkpoint.save(state)
            if MADE.count(-1.0) and state["at"][0] == 4:
                MADE.clear()
                raise KeyboardInterrupt
        return state["at"].double().numpy()

    @staticmethod
    def choose(seen, arms, own, memory, luck):
        return 0


@pytest.fixture(autouse=True)
def anew(monkeypatch):
    monkeypatch.setattr(place, "_MEMORIES", type(place._MEMORIES)())
    MADE.clear()


def test_a_memory_is_made_once_for_the_same_settings_and_arms():
    of = small_game()
    for _ in range(3):
        play(Counting(), of, requests(of))
    assert MADE == [1]
    begun(Counting(seed=2), of.known)
    begun(Counting(), small_game(1).known)
    assert MADE == [1, 2, 1]


def test_what_one_play_writes_into_its_memory_is_not_there_in_the_next():
    known = small_game().known
    first = begun(Counting(), known)
    first[:] = 9.0
    assert begun(Counting(), known).tolist() == [1.0, 1.0, 1.0]


def test_a_training_that_was_killed_goes_on_and_one_that_has_ended_is_read(tmp_path, monkeypatch):
    known = small_game().known
    MADE.append(-1.0)
    with pytest.raises(KeyboardInterrupt):
        begun(Walking(), known, tmp_path)
    assert [one.name.count(".training.") for one in tmp_path.iterdir()] == [1]
    memory = begun(Walking(), known, tmp_path)
    assert MADE == [5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    assert (memory == Walking().begin(known)).all()
    assert [one.name.count(".training.") for one in tmp_path.iterdir()] == [0]
    MADE.clear()
    monkeypatch.setattr(place, "_MEMORIES", type(place._MEMORIES)())
    assert (begun(Walking(), known, tmp_path) == memory).all()
    assert MADE == []
    begun(Walking(steps=3), known, tmp_path)
    assert MADE == [1.0, 2.0, 3.0]


def test_a_damaged_state_is_a_sentence(tmp_path):
    path = tmp_path / "one.safetensors"
    path.write_bytes(b"no tensors")
    with pytest.raises(SeesawError, match="Remove it, and the training begins anew"):
        Checkpoint(path).load()


def test_a_memory_that_is_none_is_a_sentence():
    class Flat(SplitPolicy):
        def begin(self, known):
            return np.zeros((2, 2))

    with pytest.raises(SeesawError, match=r"memory of shape \(2, 2\)"):
        begun(Flat(), small_game().known)
