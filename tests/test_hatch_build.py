"""What a wheel holds: the packages, and the native kernels where they could be built."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest

from bench.execution import compiler, native
from hatch_build import Kernels

TOP = Path(__file__).parents[1]


def hook(lines):
    one = Kernels.__new__(Kernels)
    app = SimpleNamespace(display_warning=lines.append, display_info=lines.append)
    vars(one).update(_BuildHookInterface__root=str(TOP), _BuildHookInterface__app=app)
    return one


def test_without_kernels_a_wheel_is_pure_and_holds_the_packages_alone(tmp_path):
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(words, cwd=TOP, env=os.environ | {"SEESAW_NATIVE": "0"}, capture_output=True, check=True)
    (wheel,) = tmp_path.iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    roots = {name.partition("/")[0] for name in ZipFile(wheel).namelist()}
    assert {one for one in roots if not one.endswith("dist-info")} == {
        "bench",
        "baselines",
        "tasks",
        "seesaw.py",
    }


def test_a_wheel_holds_a_library_for_each_kind_of_processor(monkeypatch):
    built, lines, data = [], [], {"force_include": {}}
    monkeypatch.setattr(compiler, "compiler", lambda: "c++")
    monkeypatch.setattr(compiler, "build", lambda name, file, target: built.append(target) or file.touch())
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="x86_64"))
    one = hook(lines)
    one.initialize("standard", data)
    assert built == ["x86-64-v2", "x86-64-v3", "x86-64-v4"]
    inside = [f"bench/execution/kernels/built/{native.shipped_name(target)}" for target in built]
    assert list(data["force_include"].values()) == inside
    assert (data["pure_python"], data["infer_tag"]) == (False, True)
    assert all(Path(file).exists() for file in data["force_include"])
    one.finalize("standard", data, "")
    assert not any(Path(file).exists() for file in data["force_include"])


@pytest.mark.parametrize(("version", "tells"), [("editable", False), ("standard", True)])
def test_without_a_compiler_a_line_tells_and_a_checkout_is_registered_without_one(
    monkeypatch, version, tells
):
    lines, data = [], {"force_include": {}}
    monkeypatch.setenv("CXX", "no-such-compiler")
    hook(lines).initialize(version, data)
    assert data == {"force_include": {}}
    assert any("This wheel holds no native kernels" in line for line in lines) is tells
