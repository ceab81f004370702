"""seesaw kernels: whether sparse networks run natively here, and what was chosen for this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import options
from bench.commands.options import out
from bench.errors import SeesawError, counted


def kernels(
    again: Annotated[
        bool,
        typer.Option("--again", help="forget what was measured here, so that the next run measures again"),
    ] = False,
    debug: options.Debug = False,
) -> None:
    """Build the native kernels if they are not there, and print what was chosen for this machine.

    Which form computes a layer is measured once for each kind of layer, and which way runs a packed part once for each part;
    both are kept in the cache (SEESAW_CACHE, or ~/.cache/seesaw), for this machine. SEESAW_NATIVE=0 leaves the native kernels out.
    """
    with out.status("Looking for the native kernels; building them takes half a minute ..."):
        from bench.execution import native

        reason = native.why_no_kernels()
    if reason is not None:
        advice = " Install a C++ compiler to have the native ones." if "compiler" in reason else ""
        raise SeesawError(f"Networks run by PyTorch's kernels here: {reason.rstrip('.')}.{advice}")
    place = "in this wheel" if native.target() in native.shipped() else f"in {native.cache()}"
    out.print(f"The native kernels are built for registers of {native.vectors()}, {place}.", soft_wrap=True)
    files = sorted(native.cache().glob("forms-*.json"))
    for file in files:
        from bench.execution.program.choices import read

        machine, forms = read(file)
        choices = f"{len(forms)} choices for {machine[0]}, {machine[-1]}" if machine else "no choices"
        if again:
            file.unlink(missing_ok=True)
        out.print(f"{'Forgotten' if again else 'Known'}: {choices} ({file.name})", soft_wrap=True)
    if ways := sorted(native.cache().glob("way-*.json")):
        for file in ways if again else ():
            file.unlink(missing_ok=True)
        out.print(f"{'Forgotten' if again else 'Known'}: the fastest way of {counted(len(ways), 'part')}")
    if not files:
        out.print("Nothing was chosen yet: the next measurement of latency chooses.")
