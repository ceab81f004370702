"""The kernels along runs and the operations on vectors, for each kind of processor: Arm's in emulation."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.execution.compiler import SOURCES
from bench.machine import features, targets_of

CHECK = Path(__file__).with_name("kernels_check.cpp")
REGISTERS = {"x86-64": "128 bits", "x86-64-v3": "AVX2", "x86-64-v4": "AVX-512"}
ARM = ("aarch64-linux-gnu-g++", "qemu-aarch64")


def checked(folder, compiler, *flags, emulator=()):
    """What the check prints, built for a kind of processor; it fails where a result is wrong."""
    kernels = SOURCES[0].parent
    words = [compiler, "-O1", "-std=c++20", "-ffp-contract=fast", f"-I{kernels}", *flags]
    subprocess.run([*words, kernels / "along.cpp", CHECK, "-o", folder / "check"], check=True)
    done = subprocess.run([*emulator, folder / "check"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("target", REGISTERS)
def test_kernels_for_each_width_of_registers_agree_with_loops(target, tmp_path):
    if platform.machine() not in ("x86_64", "AMD64") or shutil.which("c++") is None:
        pytest.skip("no C++ compiler for x86-64 here")
    if target != "x86-64" and target not in targets_of(features()[1].split()):
        pytest.skip(f"this processor runs no code for {target}")
    assert checked(tmp_path, "c++", f"-march={target}") == f"{REGISTERS[target]}: 0 wrong\n"


@pytest.mark.skipif(
    not all(map(shutil.which, ARM)),
    reason="no toolchain of 64-bit Arm here: apt-get install g++-aarch64-linux-gnu qemu-user",
)
def test_kernels_for_arm_agree_with_loops_in_emulation(tmp_path):
    assert checked(tmp_path, ARM[0], "-static", emulator=ARM[1:]) == "NEON: 0 wrong\n"
