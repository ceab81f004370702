"""Options that several commands share, and how their values are read."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from bench import SeesawError
from bench.cli import app
from bench.commands import options
from bench.commands.options import RunOptions, numbers, recipe, with_options, words
from bench.machine import pick_device
from bench.network.sparse.values import VALUE_TYPES
from bench.shipping.packed.pack import FORMS


def test_specs_are_parted_by_commas_but_not_within_their_brackets():
    assert words("mlp[widths=8:8,a=1], lenet,") == ("mlp[widths=8:8,a=1]", "lenet")
    assert words("") == ()


def test_seeds_are_whole_numbers():
    assert numbers("0, 3") == [0, 3]
    for text in ("", "-1", "1.5", "a", str(1 << 53)):
        with pytest.raises(SeesawError, match=r"joined by commas: 0,1,2\."):
            numbers(text)


def test_epochs_win_over_set_and_a_setting_needs_a_value():
    assert recipe(["lr=0.1", "epochs=3", "a=b=c"], 5) == {"lr": "0.1", "epochs": "5", "a": "b=c"}
    assert recipe(None, None) == {}
    with pytest.raises(SeesawError, match="--set key=value"):
        recipe(["lr"], None)


def test_a_command_takes_all_options_of_a_run_one_by_one_and_its_function_as_one():
    calls = []
    app = typer.Typer()

    @app.command()
    @with_options
    def command(run_options: RunOptions, first: str, last: int = 3) -> None:
        calls.append((run_options, first, last))

    given = [
        "x",
        "--task",
        "mnist",
        "--set",
        "lr=1",
        "--set",
        "a=2",
        "--lean",
        "--cut",
        "2",
        "--records",
        "here",
    ]
    assert CliRunner().invoke(app, given).exit_code == 0
    changed = {"task": "mnist", "set_": ["lr=1", "a=2"], "lean": True, "cut": 2, "records": Path("here")}
    assert calls == [(RunOptions(**changed), "x", 3)]
    assert CliRunner().invoke(app, ["x", "--run-options", "y"]).exit_code != 0


def test_every_option_reaches_the_request():
    given = RunOptions(
        task="t", exits="e", policies="a,b", codecs="c", meters="m", epochs=2, set_=["lr=1"], device="cpu", cut=1,
        values="int8", lean=True, calibrate="test", data=Path("d"), records=Path("r"), runs=Path("u"),
        devices=2, nodes=2, strategy="ddp", precision="bf16-mixed", compile=True, accumulate=2,
    )  # fmt: skip
    assert [one.name for one in fields(given) if getattr(given, one.name) == one.default] == ["publish"]
    request = given.request("model", seed=7)
    assert (request.task, request.model, request.exits, request.seed) == ("t", "model", "e", 7)
    assert (request.policies, request.codecs, request.meters) == (("a", "b"), ("c",), ("m",))
    assert request.recipe == {"lr": "1", "epochs": "2"}
    assert request.calibrate == "test"
    assert [getattr(request, name) for name in options.LAYOUT] == [2, 2, "ddp", "bf16-mixed", True, 2]
    assert (request.device, request.cut, request.values, request.lean) == ("cpu", 1, "int8", True)
    assert (request.data, request.records, request.runs) == (Path("d"), Path("r"), Path("u"))
    published = RunOptions(publish=True).request("model", seed=7)
    assert published.records == Path("leaderboards/records")
    with pytest.raises(SeesawError, match="Leave one out"):
        RunOptions(publish=True, records=Path("r")).request("model", seed=7)


def test_words_of_devices_and_values_are_those_that_are_known_later():
    assert options.VALUES == VALUE_TYPES
    assert options.FORMS == FORMS
    with pytest.raises(SeesawError) as none:
        pick_device("none")
    assert set(str(none.value).split("Choose ")[1].strip(".").split(", ")) <= set(options.DEVICES)
    with pytest.raises(SeesawError, match=r"Choose auto, cpu, cuda, mps"):
        RunOptions(device="gpu").check_names()
    with pytest.raises(SeesawError, match=r"There is no --values 'int4'\. Choose float32, float16, int8"):
        RunOptions(values="int4").check_names()


def test_no_help_loses_what_stands_in_brackets():
    """Rich reads `[density=0.5]` as markup, and shows nothing of it, unless a backslash stands before."""
    root = get_command(app)
    texts = {
        f"{name}: {parameter.name}": getattr(parameter, "help", None) or ""
        for name, command in root.commands.items()
        for parameter in command.params
    } | {name: command.help or "" for name, command in root.commands.items()}
    assert len(texts) > 100
    lost = {
        place: found
        for place, text in texts.items()
        if (found := re.findall(r"(?<!\\)\[[a-z#/@][^\[]*?\]", text))
    }
    assert not lost
