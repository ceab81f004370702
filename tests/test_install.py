"""install.py: what it asks of uv and pip, by fakes of both; nothing is installed here."""

import subprocess
import sys
import tomllib
from types import SimpleNamespace

import pytest

import install

PROJECT = tomllib.loads((install.TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with uv and an environment: the commands that it was given, and what becomes of them."""
    state = SimpleNamespace(commands=[], fails=lambda words: False, top=tmp_path, uv="/bin/uv", limits="")

    def run(words, **_):
        if "config" in words:
            return SimpleNamespace(returncode=0, stdout=state.limits)
        state.commands.append(" ".join(words))
        return SimpleNamespace(returncode=int(state.fails(" ".join(words))))

    kernels = SimpleNamespace(wait=lambda: None, stop=lambda: None)
    (tmp_path / "pyproject.toml").write_text((install.TOP / "pyproject.toml").read_text(encoding="utf-8"))
    (tmp_path / "venv").mkdir()
    monkeypatch.setattr(install, "TOP", tmp_path)
    monkeypatch.setattr(install.subprocess, "run", run)
    monkeypatch.setattr(install.sys, "platform", "linux")
    monkeypatch.setattr(install.shutil, "which", lambda name: state.uv if name == "uv" else None)
    monkeypatch.setattr(install, "make_environment", lambda folder: folder / "bin/python")
    monkeypatch.setattr(install, "Kernels", lambda python: kernels)
    monkeypatch.setattr(install, "has_nvidia", lambda: True)

    def go(extra="lab", asked=""):
        state.commands.clear()
        install.main(tmp_path / "venv", extra, asked)
        return list(state.commands)

    state.go = go
    return state


def change(machine, before, after):
    file = machine.top / "pyproject.toml"
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after, 1), encoding="utf-8")


def test_running_needs_no_tools_of_development_and_those_need_everything():
    lab, dev = (set(install.requirements(PROJECT, extra)) for extra in ("lab", "dev"))
    assert lab == set(PROJECT["optional-dependencies"]["lab"])
    assert not any(one.startswith(("seesaw-bench", "matplotlib")) for one in lab)
    extras = PROJECT["optional-dependencies"]
    own = (
        "docs",
        "ray",
        "pretrained",
        "engines",
    )  # `make docs` alone needs the first; nothing is tested with large downloads
    every = {one for name, extra in extras.items() if name not in own for one in extra}
    assert dev == {one for one in every if not one.startswith("seesaw-bench")}


def test_the_first_stage_holds_pytorch_with_its_pair_and_nothing_is_in_both():
    first, second = install.stages(PROJECT, ["hatchling"], "lab")
    assert any(one.startswith("torch>") for one in first)
    assert any(one.startswith("torchvision>") for one in first)
    assert not set(first) & set(second)
    assert {"hatchling", install.EDITABLES} <= set(second)


def test_what_is_installed_is_not_installed_again(machine, capsys):
    first, second, registering, imported = machine.go()
    assert first.startswith("/bin/uv pip install --python")
    assert "pytorch-lightning" in second
    assert "--no-index" in registering
    assert imported.endswith(f"-c import {install.IMPORTED}")
    assert "3.2 GB" in capsys.readouterr().out
    assert machine.go() == []
    assert (machine.top / "venv/.lab").exists()
    assert "ruff" in machine.go("dev")[1]
    assert "GB" not in capsys.readouterr().out
    assert machine.go("dev") == machine.go("lab") == []


def test_a_new_plugin_is_registered_and_the_network_is_not_asked(machine):
    machine.go()
    change(
        machine,
        '[project.entry-points."bench.method"]\n',
        '[project.entry-points."bench.method"]\nmine = "a:A"\n',
    )
    (command,) = machine.go()
    assert {"--no-index", "--no-deps", "--no-build-isolation", "--editable"} <= set(command.split())
    assert machine.go() == []


def test_a_new_requirement_is_installed(machine):
    machine.go()
    change(machine, '  "numpy>=2', '  "numpy>=3')
    assert "numpy>=3" in machine.go()[0]


def test_an_installation_that_failed_is_tried_again(machine):
    machine.fails = lambda words: "pytorch-lightning" in words
    with pytest.raises(SystemExit, match="type the same again"):
        machine.go()
    machine.fails = lambda words: False
    assert len(machine.go()) == 4


@pytest.mark.parametrize(
    ("platform", "asked", "nvidia", "cpu"),
    [
        ("linux", "", False, True), ("linux", "", True, False), ("linux", "1", True, True),
        ("linux", "0", False, False), ("darwin", "1", False, False),
    ],
)  # fmt: skip
def test_the_cpu_build_is_for_machines_without_a_device_unless_one_says_otherwise(monkeypatch, platform, asked, nvidia, cpu):  # fmt: skip
    monkeypatch.setattr(install.sys, "platform", platform)
    monkeypatch.setattr(install, "has_nvidia", lambda: nvidia)
    assert install.wants_cpu(asked) is cpu


def test_another_word_for_the_build_is_a_sentence():
    with pytest.raises(SystemExit, match="Write CPU=1, or CPU=0, or leave it out"):
        install.wants_cpu("yes")


def test_the_cpu_build_is_taken_where_its_index_answers(machine, capsys):
    probe, first, second, *_ = machine.go(asked="1")
    assert "--dry-run" in probe
    assert all("--torch-backend cpu" in one for one in (first, second))
    assert "0.4 GB" in capsys.readouterr().out


def test_where_the_index_does_not_answer_the_usual_build_is_taken_and_a_line_says_so(machine, capsys):
    machine.fails = lambda words: "--dry-run" in words
    _, first, *_ = machine.go(asked="1")
    assert "--torch-backend" not in first
    printed = capsys.readouterr().out
    assert "cannot be reached: the usual build is installed" in printed
    assert "3.2 GB" in printed
    assert machine.go(asked="1") == []


def test_an_index_that_keeps_one_waiting_does_not_answer(machine, capsys, monkeypatch):
    run = install.subprocess.run

    def slow(words, **options):
        if "--dry-run" in words:
            assert options["timeout"] <= 15
            raise subprocess.TimeoutExpired(words, options["timeout"])
        return run(words, **options)

    monkeypatch.setattr(install.subprocess, "run", slow)
    machine.go(asked="1")
    assert "cannot be reached" in capsys.readouterr().out


def test_another_build_replaces_the_one_that_is_there(machine):
    machine.go(asked="1")
    removing, first, *_ = machine.go(asked="0")
    assert "uninstall --quiet --yes torch torchvision" in removing
    assert "--torch-backend" not in first
    assert machine.go() == []


def test_a_later_installation_keeps_the_build(machine):
    machine.go(asked="1")
    assert all("--torch-backend cpu" in one for one in machine.go("dev")[1:3])


def test_without_uv_pip_installs_and_a_line_says_so(machine, capsys):
    machine.uv = None
    commands = machine.go()
    assert "install --quiet uv" in commands[0]
    assert all("-m pip" in one for one in commands)
    assert "uv cannot be had here" in capsys.readouterr().out


def test_uv_keeps_to_the_constraints_that_pip_is_set_to(machine):
    machine.limits = "global.cert='a.crt'\nglobal.constraint='/etc/limits.txt'\n"
    assert all("--constraint /etc/limits.txt" in one for one in machine.go()[:2])
    machine.limits += ":env:.constraint='mine.txt'\n"
    assert "--constraint mine.txt" in machine.go("dev")[0]


def test_where_uv_fails_pip_tries(machine, capsys):
    machine.fails = lambda words: words.startswith("/bin/uv")
    assert "-m pip" in machine.go()[1]
    assert "pip tries" in capsys.readouterr().out


def test_an_environment_that_is_not_whole_is_made_anew(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        install.subprocess, "run", lambda words, **_: made.append(words) or SimpleNamespace(returncode=1)
    )
    python = install.make_environment(tmp_path)
    assert made == [[sys.executable, "-m", "venv", "--clear", str(tmp_path)]]
    python.parent.mkdir()
    python.touch()
    install.make_environment(tmp_path)
    assert len(made) == 3
