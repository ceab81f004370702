"""Installs Seesaw from this checkout into a virtual environment; `make` calls it, and no Python package is needed before.

`python3 install.py FOLDER EXTRA` asks the network only when what is to be installed has changed since the last time. A
change of other metadata, such as a new plugin's entry point, is registered without it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent
EDITABLES = "editables>=0.5"
"""What hatchling needs to register a checkout."""
SIZES = {"cpu": "about 0.4 GB", "usual": "about 3.2 GB, 3.0 of them PyTorch with its CUDA libraries"}
"""How much a first installation fetches on Linux, by the build of PyTorch."""
IMPORTED = "bench.runs.run, bench.runs.train, wandb"
"""Modules that bring with them all that a run loads."""
PROBE = 15
"""Seconds in which PyTorch's own index must answer."""


def requirements(project: dict[str, Any], extra: str) -> list[str]:
    """The requirements of an extra, those of the extras that it names included."""
    found = []
    for one in project["optional-dependencies"][extra]:
        own = re.fullmatch(re.escape(project["name"]) + r"\[(.+)\]", one)
        found += (
            [r for name in own[1].split(",") for r in requirements(project, name.strip())] if own else [one]
        )
    return list(dict.fromkeys(found))


def digest(value: object) -> str:
    """A short digest of plain values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def has_nvidia() -> bool:
    """Whether there is a device of NVIDIA's, by its driver's files or its program."""
    places = ("/dev/nvidiactl", "/dev/nvidia0", "/proc/driver/nvidia", "/dev/dxg")
    return any(map(os.path.exists, places)) or shutil.which("nvidia-smi") is not None


def wants_cpu(asked: str) -> bool:
    """Whether the CPU build of PyTorch is enough: asked for, or on Linux without a device of NVIDIA's.

    Elsewhere the usual build is the CPU build.
    """
    if asked not in ("", "0", "1"):
        sys.exit(f"CPU={asked} says neither yes nor no. Write CPU=1, or CPU=0, or leave it out.")
    return sys.platform == "linux" and (asked == "1" or (asked == "" and not has_nvidia()))


@dataclass
class State:
    """What was installed, kept in the environment itself.

    Attributes:
        file: where it is kept.
        packages: digests of the requirements, by extra.
        registered: digest of the metadata that was registered.
        build: of PyTorch that was asked for, "cpu" or "usual".
    """

    file: Path
    packages: dict[str, str] = field(default_factory=dict)
    registered: str = ""
    build: str = ""

    @classmethod
    def read(cls, file: Path) -> State:
        """The state in a file; an empty one where there is none, or no whole one."""
        try:
            return cls(file, **json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return cls(file)

    def save(self) -> None:
        """Write the state to its file."""
        content = {"packages": self.packages, "registered": self.registered, "build": self.build}
        self.file.write_text(json.dumps(content), encoding="utf-8")


def pip(python: Path, verb: str) -> list[str]:
    """The words of a command of an environment's pip."""
    return [str(python), "-m", "pip", "--disable-pip-version-check", verb]


class Installer:
    """Installs packages into one environment, by uv where it can be had, by pip else.

    Args:
        python: of the environment.
        cpu: whether to take PyTorch's CPU build where its index can be reached.
    """

    def __init__(self, python: Path, *, cpu: bool) -> None:
        self.python = python
        self.uv = self._uv()
        self.limits = self._limits()
        self.backend = self._backend() if cpu else []

    def _uv(self) -> str | None:
        own = self.python.with_name("uv")
        if found := shutil.which("uv") or shutil.which(str(own)):
            return found
        words = [*pip(self.python, "install"), "--quiet", "uv"]
        if subprocess.run(words, check=False, capture_output=True).returncode == 0 and own.exists():
            return str(own)
        print("uv cannot be had here, so pip installs, which takes longer.", flush=True)
        return None

    def _backend(self) -> list[str]:
        """The words that make uv take the CPU build, where its index answers."""
        if self.uv is None:
            print("pip knows no CPU build of PyTorch, so the usual one is installed.", flush=True)
            return []
        backend = ["--torch-backend", "cpu"]
        probe = [*self._uv_pip(), *backend, "--dry-run", "--no-deps", "--reinstall", "torch"]
        environment = os.environ | {"UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "5"}
        try:
            done = subprocess.run(probe, check=False, capture_output=True, env=environment, timeout=PROBE)
        except subprocess.TimeoutExpired:
            done = None
        if done is not None and done.returncode == 0:
            return backend
        print("PyTorch's own index, which has the CPU build, cannot be reached: the usual build is installed.", flush=True)  # fmt: skip
        return []

    def _limits(self) -> list[str]:
        """The words for the file of constraints that pip is set to here, which uv does not read by itself."""
        words = [*pip(self.python, "config"), "list"]
        listed = subprocess.run(words, check=False, capture_output=True, text=True).stdout
        files = dict(re.findall(r"^(:env:|install|global)\.constraint='(.*)'$", listed, re.MULTILINE))
        file = files.get(":env:") or files.get("install") or files.get("global")
        return ["--constraint", file] if file else []

    def _uv_pip(self) -> list[str]:
        return [str(self.uv), "pip", "install", "--python", str(self.python), *self.limits]

    def install(self, wanted: Sequence[str]) -> None:
        """Install requirements; what is there already and fits is left as it is."""
        if self.uv is not None:
            if subprocess.run([*self._uv_pip(), *self.backend, *wanted], check=False).returncode == 0:
                return
            print("uv could not install this; pip tries.", flush=True)
        if subprocess.run([*pip(self.python, "install"), *wanted], check=False).returncode:
            sys.exit(
                "The packages could not be installed; the lines above say why. Then type the same again."
            )

    def remove_torch(self) -> None:
        """Remove PyTorch, so that another build of it is installed."""
        subprocess.run(
            [*pip(self.python, "uninstall"), "--quiet", "--yes", "torch", "torchvision"], check=False
        )


def register(python: Path) -> None:
    """Register this checkout with its entry points in an environment; the network is not asked."""
    offline = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--editable", str(TOP)]
    if subprocess.run([*pip(python, "install"), *offline], check=False).returncode:
        sys.exit("This checkout could not be registered; the lines above say why. `make clean` starts anew.")


def environment() -> dict[str, str]:
    """The environment of processes that import what was installed, and keep its bytecode, as an installation does."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | {
        "PYTHONPATH": str(TOP)
    }


def compile_modules(python: Path) -> None:
    """Import once what a run imports: uv leaves the bytecode to the first import, which takes seconds."""
    subprocess.run(
        [str(python), "-c", f"import {IMPORTED}"], env=environment(), check=False, capture_output=True
    )


class Kernels:
    """The build of the native kernels, beside the rest of an installation."""

    def __init__(self, python: Path) -> None:
        print("Building the native kernels meanwhile (half a minute on two cores) ...", flush=True)
        self.process = subprocess.Popen(
            [str(python), "-m", "bench", "kernels"], cwd=TOP, env=environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        )  # fmt: skip

    def wait(self) -> None:
        """Wait for the build, and print its first line; without kernels everything runs, but slower."""
        text, _ = self.process.communicate()
        print(next(iter(text.splitlines()), "The native kernels were not built."), flush=True)

    def stop(self) -> None:
        """End a build that goes on; it cleans up behind itself."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()


def make_environment(folder: Path) -> Path:
    """The Python of a virtual environment, which is made where it is not there, or not whole."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    works = python.exists() and subprocess.run([str(python), "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0  # fmt: skip
    if not works:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    return python


def stages(project: dict[str, Any], build: Sequence[str], extra: str) -> Iterator[list[str]]:
    """What is installed first, as the kernels are built with it, and then the rest."""
    rest = [*requirements(project, extra), *build, EDITABLES]
    pair = [one for one in rest if re.match(r"torchvision\b", one)]  # one index must give both
    yield [*project["dependencies"], *pair]
    yield [one for one in rest if one not in pair]


def install(python: Path, parts: Sequence[Sequence[str]], *, cpu: bool, first: bool, anew: bool) -> None:
    """Install the packages of both stages, register this checkout, and build the kernels meanwhile.

    Args:
        python: of the environment.
        parts: requirements, by stage.
        cpu: whether PyTorch's CPU build is wanted.
        first: whether there is no PyTorch yet, and so much to fetch.
        anew: whether PyTorch is there in another build, and must go first.
    """
    installer = Installer(python, cpu=cpu)
    if (first or anew) and sys.platform == "linux":
        print(f"To fetch: {SIZES['cpu' if installer.backend else 'usual']}.", flush=True)
    if anew:
        installer.remove_torch()
    installer.install(parts[0])
    kernels = Kernels(python)
    try:
        installer.install(parts[1])
        register(python)
        if installer.uv is not None:
            compile_modules(python)
        kernels.wait()
    finally:
        kernels.stop()


def main(folder: Path, extra: str, asked: str) -> None:
    """Install an extra of this checkout into an environment.

    Args:
        folder: of the environment.
        extra: "lab", "dev" with the tools of development, or "docs" with those of the documentation.
        asked: "1" for PyTorch's CPU build, "0" for the usual one, "" for what fits this machine.
    """
    begun = time.monotonic()
    data = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
    parts = list(stages(data["project"], data["build-system"]["requires"], extra))
    build = "cpu" if wants_cpu(asked) else "usual"
    python = make_environment(folder)
    state = State.read(folder / ".seesaw.json")
    first, anew = not state.build, bool(asked and state.build) and state.build != build
    if anew or state.packages.get(extra) != digest(parts):
        purpose = {"lab": "running", "dev": "development", "docs": "the documentation"}[extra]
        print(f"Installing what {purpose} needs into {folder} ...", flush=True)
        if not (first or anew):
            build = state.build
        install(python, parts, cpu=build == "cpu", first=first, anew=anew)
        state.build, state.registered = build, digest(data)
        state.packages[extra] = digest(parts)
        print(f"Installed in {time.monotonic() - begun:.0f} s.", flush=True)
    elif state.registered != digest(data):
        print("Registering what pyproject.toml announces; nothing is fetched.", flush=True)
        register(python)
        state.registered = digest(data)
    state.save()
    (folder / f".{extra}").touch()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2], os.environ.get("CPU", ""))
    except KeyboardInterrupt:
        sys.exit("Stopped. The same command goes on from here.")
