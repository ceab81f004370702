"""Puts the native kernels of the common processors into a wheel, so that who installs it needs no compiler.

They are built where the build's own environment has PyTorch and a C++ compiler (`make wheel`); elsewhere the wheel is pure,
and a line tells so. `SEESAW_NATIVE=0` leaves them out.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGETS = {"x86_64": ("x86-64-v2", "x86-64-v3", "x86-64-v4"), "aarch64": ("armv8-a",), "arm64": ("armv8-a",)}
"""The processors that a wheel is built for, by the machine that it is built on."""


class Kernels(BuildHookInterface):
    """Builds the kernels while a wheel is built, and not while a checkout is registered."""

    folder: str | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the kernels, and add them to the wheel."""
        if version == "editable" or os.environ.get("SEESAW_NATIVE") == "0":
            return
        sys.path.insert(0, self.root)
        try:
            from bench.execution.compiler import build, compiler
            from bench.execution.native import shipped_name

            compiler()
        except (ImportError, OSError) as error:
            self.app.display_warning(
                f"This wheel holds no native kernels ({error}): they are built where it is installed. "
                "`make wheel` builds them in."
            )
            return
        finally:
            sys.path.remove(self.root)
        self.folder = mkdtemp(prefix="seesaw-wheel-")
        for target in TARGETS.get(os.uname().machine, ()):
            self.app.display_info(f"Building the native kernels for {target} ...")
            name = shipped_name(target)
            file = Path(self.folder) / name
            build(name.partition("_torch_")[0], file, target)
            build_data["force_include"][str(file)] = f"bench/execution/kernels/built/{name}"
            build_data.update(pure_python=False, infer_tag=True)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was built; the wheel has it."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
