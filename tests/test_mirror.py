"""Every module has its tests at the mirrored place, or test files whose docstrings name it."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
ROOMS = ("bench", "baselines", "tasks")
TESTS = sorted(HERE.rglob("test_*.py"))


def modules():
    """Paths of all modules below the repository's root, templates of `seesaw new` left out."""
    paths = (path for room in ROOMS for path in (HERE.parent / room).rglob("*.py"))
    return {
        path.relative_to(HERE.parent).as_posix()
        for path in paths
        if not path.name.startswith("__") and "templates" not in path.parts
    }


def mirrored():
    """The module that each test file's place and name stand for, whether or not there is one."""
    return {path.relative_to(HERE).with_name(path.name.removeprefix("test_")).as_posix() for path in TESTS}


def covered(text):
    """The modules behind `Covers:` in a file's docstring, to the end of that paragraph."""
    lists = re.findall(r"^Covers: (.+?)(?:\n\n|\Z)", ast.get_docstring(ast.parse(text)) or "", re.M | re.S)
    return {word for part in lists for word in re.split(r",\s+", part.strip())}


def test_every_module_has_tests_of_its_name_or_is_named_by_others():
    named = set().union(*(covered(path.read_text()) for path in TESTS))
    assert modules() - mirrored() - named == set()
    assert named - modules() == set(), "no such module"
    assert named & mirrored() == set(), "has tests of its own"


def test_what_a_docstring_covers_may_run_over_several_lines():
    assert covered('"""One.\n\nCovers: a/b.py,\n    a/c.py\n\nMore, of a/d.py.\n"""') == {"a/b.py", "a/c.py"}
    assert covered('"""Covers much."""') == covered("") == set()
