"""Starts the program, once sure that the packages it would import are Seesaw's own."""

import sys
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("bench", "tasks", "baselines")


def shadow(package: str) -> str | None:
    """The place of a stranger's package that hides ours of the same name, or None when ours is found."""
    ours = Path(__file__).resolve().parent / package / "__init__.py"
    spec = find_spec(package)
    if spec is not None and spec.origin and Path(spec.origin).resolve() == ours:
        return None
    if spec is None:
        return f"no package named {package} beside {__file__}"
    return spec.origin or str(next(iter(spec.submodule_search_locations or []), "unknown"))


def main() -> None:
    """Run the command line, or say which other package stands in its way."""
    for package in PACKAGES:
        if (place := shadow(package)) is not None:
            sys.exit(
                f"Another package named {package} hides Seesaw's: {place}. "
                "Uninstall it, leave its folder, or install seesaw-bench in a fresh virtual environment."
            )
    from bench.cli import main as run

    run()


if __name__ == "__main__":
    main()
