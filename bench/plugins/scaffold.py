"""A skeleton plugin, its test, and its line of metadata."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from bench.errors import SeesawError
from bench.plugins.plugin import KINDS, entries
from bench.plugins.spec import near

FOLDERS = {
    "task": "tasks",
    "backbone": "baselines/backbones",
    "method": "baselines/methods",
    "exits": "baselines/exits",
    "policy": "baselines/policies",
    "codec": "baselines/codecs",
    "channel": "baselines/channels",
    "profile": "baselines/profiles",
    "split": "baselines/splits",
    "partitioner": "baselines/partitioners",
    "meter": "baselines/meters",
}


def write(kind: str, name: str, top: Path) -> list[str]:
    """Write `<folder>/<name>.py` and its test below a checkout, and announce the class in pyproject.toml.

    Returns:
        Lines for the terminal: the files that were written, and the next step.

    Raises:
        SeesawError: wrong kind or name, a name that is taken, or no checkout.
    """
    if kind not in KINDS:
        raise SeesawError(f"There is no kind {kind!r}{near(kind, KINDS)} The kinds are {', '.join(KINDS)}.")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise SeesawError(f"{name!r} is no plugin's name. Use small letters, digits and hyphens: my-{kind}.")
    if keyword.iskeyword(name):
        raise SeesawError(f"{name!r} is a word of Python's own. Choose another name: my-{name}.")
    if name in entries(kind):
        raise SeesawError(f"There is a {kind} {name!r} already. Choose another name.")
    project = top / "pyproject.toml"
    section = f'[project.entry-points."bench.{kind}"]'
    if not project.exists() or section not in project.read_text(encoding="utf-8"):
        raise SeesawError(
            f"{project.resolve()} has no section {section}. Start this in a checkout of Seesaw."
        )
    word = name.replace("-", "_")
    cls = "".join(part.capitalize() for part in name.split("-"))
    module = f"{FOLDERS[kind]}/{word}".replace("/", ".")
    plugin, test = top / f"{FOLDERS[kind]}/{word}.py", top / f"tests/{FOLDERS[kind]}/test_{word}.py"
    for path, template in ((plugin, kind), (test, "test")):
        if path.exists():
            raise SeesawError(f"{path} is there already. Choose another name.")
        text = files("bench.plugins").joinpath(f"templates/{template}.txt").read_text(encoding="utf-8")
        path.parent.mkdir(parents=True, exist_ok=True)
        imports = sorted((f"from bench.testing import check_{kind}", f"from {module} import {cls}"))
        fields = {"Class": cls, "kind": kind, "module": module, "word": word, "imports": "\n".join(imports)}
        path.write_text(Template(text).substitute(fields), encoding="utf-8")
    text = project.read_text(encoding="utf-8").replace(
        f"{section}\n", f'{section}\n{name} = "{module}:{cls}"\n', 1
    )
    project.write_text(text, encoding="utf-8")
    return [
        f"wrote {plugin}",
        f"wrote {test}",
        f"announced {name} in {project}",
        f"Next: mend the first, then `make test ARGS={test}`; `seesaw list {kind}` shows it after any make target.",
    ]
