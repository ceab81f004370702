"""The command that trains what a run names."""

import shlex
from pathlib import Path

import pytest

from bench.files import PUBLISHED
from bench.runs.command import training_command
from bench.runs.request import ResolvedRun, RunRequest


def command_of(**fields):
    return training_command(ResolvedRun.of(RunRequest(**{"task": "blobs", "model": "mlp_dense"} | fields)))


def test_a_plain_request_is_a_short_command():
    assert command_of() == "seesaw run --task blobs --model mlp_dense --seeds 0"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"recipe": {"lr": "0.015", "epochs": "77"}}, "--epochs 77 --set lr=0.015 --seeds 0"),
        ({"exits": "joint[exits=2]"}, "--exits 'joint[exits=2]' --seeds 0"),
        ({"seed": 3, "lean": True, "model": "mlp_sparse"}, "--lean --seeds 3"),
        ({"cut": 1, "model": "mlp_sparse[where=device]"}, "--cut 1 --seeds 0"),
        ({"values": "int8"}, "--values int8 --seeds 0"),
        (
            {"devices": 2, "strategy": "ddp", "precision": "bf16-mixed", "device": "cpu", "accumulate": 2},
            "--device cpu --devices 2 --strategy ddp --precision bf16-mixed --accumulate 2 --seeds 0",
        ),
        ({"records": Path("mine"), "runs": Path("its runs")}, "--seeds 0 --records mine --runs 'its runs'"),
        ({"records": PUBLISHED, "data": Path.cwd() / "data"}, "--seeds 0"),
    ],
)
def test_what_differs_from_the_usual_is_in_the_command(fields, words):
    model = fields.get("model", "mlp_dense")
    assert command_of(**fields) == f"seesaw run --task blobs --model {shlex.quote(model)} {words}"


def test_settings_of_the_usual_recipe_are_left_out():
    usual = ResolvedRun.of(RunRequest(task="blobs", model="mlp_dense")).recipe.settings()
    given = {key: str(value).lower() for key, value in usual.items() if value is not None}
    assert command_of(recipe=given) == "seesaw run --task blobs --model mlp_dense --seeds 0"
