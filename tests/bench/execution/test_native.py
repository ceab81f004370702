"""The kernels as other processors have them: fewer and narrower registers, the same answers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import SeesawError
from bench.execution import native
from bench.machine import features

HERE = Path(__file__).parent
NARROWER = {"x86-64-v3": ("AVX2", "avx2"), "x86-64-v2": ("128 bits", "sse4_2")}


@pytest.mark.parametrize("target", NARROWER)
def test_with_narrower_registers_chains_and_trained_layers_are_as_exact(compiler, target):
    """Over 10 s: the kernels are built, once a machine, and all their tests run with them."""
    vectors, needed = NARROWER[target]
    if needed not in features()[1].split() or native.vectors() == vectors:
        return  # an Arm processor, or one whose own kernels these are
    environment = os.environ | {"SEESAW_TARGET": target, "SEESAW_CACHE": os.environ["SEESAW_KERNELS"]}
    code = "from bench.execution import native; print(native.why_no_kernels(), native.vectors())"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == f"None {vectors}"
    files = [
        HERE / "chain" / "test_chain.py",
        HERE / "chain" / "test_depthwise.py",
        HERE / "chain" / "test_planes.py",
        HERE / "int8" / "test_chain.py",
        HERE / "test_deciding.py",
        HERE / "lean" / "test_linear.py",
        HERE / "lean" / "test_conv_op.py",
    ]
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:xdist",
        "-p",
        "no:cacheprovider",
        *map(str, files),
    ]
    tests = subprocess.run(words, check=False, env=environment, capture_output=True, text=True)
    assert tests.returncode == 0, tests.stdout[-4000:]


def test_a_target_that_names_no_processor_is_a_sentence(monkeypatch):
    monkeypatch.setenv("SEESAW_TARGET", "native -fplugin=evil")
    with pytest.raises(SeesawError, match=r"names no processor\. Leave it out"):
        native.kernels.__wrapped__()


def test_choices_of_one_target_are_none_of_another(monkeypatch):
    own = native.version()
    monkeypatch.setenv("SEESAW_TARGET", "x86-64-v2")
    assert native.version() != own


def test_a_library_of_the_distribution_is_taken_where_processor_and_torch_fit(monkeypatch, tmp_path):
    monkeypatch.delenv("SEESAW_TARGET", raising=False)
    monkeypatch.setattr(native, "SHIPPED", tmp_path)
    monkeypatch.setattr(native, "features", lambda: ["one", "sse4_1 sse4_2 ssse3 cx16 lahf_lm popcnt"])
    shipped = native.shipped.__wrapped__
    monkeypatch.setattr(native, "shipped", shipped)
    for target in ("x86-64-v2", "x86-64-v3"):
        (tmp_path / native.shipped_name(target)).touch()
    assert native.target() == "x86-64-v2"
    assert native._library() == tmp_path / native.shipped_name("x86-64-v2")
    monkeypatch.setenv("SEESAW_TARGET", "native")
    assert native.target() == "native"
    monkeypatch.delenv("SEESAW_TARGET")
    monkeypatch.setattr(native.torch, "__version__", "9.9")
    assert native.target() == "native"
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path / "cache"))
    assert "this wheel's kernels are for PyTorch 2." in native.kernels.__wrapped__()
