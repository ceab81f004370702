"""Starts the program, once sure that the `bench` it would import is Seesaw's own."""

import sys
from importlib.util import find_spec
from pathlib import Path


def shadow() -> str | None:
    """The place of another distribution's `bench` that hides ours, or None when ours is found."""
    ours = Path(__file__).resolve().parent / "bench" / "__init__.py"
    spec = find_spec("bench")
    if spec is not None and spec.origin and Path(spec.origin).resolve() == ours:
        return None
    if spec is None:
        return f"no package named bench beside {__file__}"
    return spec.origin or str(next(iter(spec.submodule_search_locations or []), "unknown"))


def main() -> None:
    """Run the command line, or say which other `bench` stands in its way."""
    if (place := shadow()) is not None:
        sys.exit(
            f"Another package named bench hides Seesaw's: {place}. "
            "Uninstall it, leave its folder, or install seesaw-bench in a fresh virtual environment."
        )
    from bench.cli import main as run

    run()


if __name__ == "__main__":
    main()
