"""Every plugin that is announced holds to its kind's contract: a new entry point brings its own test.

Covers: baselines/methods/dense.py
"""

import pytest

import bench
from bench.plugins.plugin import KINDS, choose, class_name, entries
from bench.testing import check

NEEDS_FILES = {
    *("cifar10", "cifar100", "mnist", "fashion-mnist", "folder", "imagenet", "tiny-imagenet"),
    *("imdb", "mrpc", "qqp", "rte", "scitail", "snli", "sst2", "yelp"),
    *("bert", "module", "believed", "predicted", "profile"),
}
"""Plugins that read files; tests/tasks and tests/baselines make some for each."""

CATALOGUE = [(kind, name) for kind in KINDS for name in entries(kind) if name not in NEEDS_FILES]


@pytest.mark.parametrize(("kind", "name"), CATALOGUE, ids=lambda word: word)
def test_it_conforms(kind, name):
    if name == "timm":
        pytest.importorskip("timm", reason="timm is not installed. Install the extra: seesaw-bench[timm]")
    base = getattr(bench, class_name(kind))
    assert check(choose(base, name).plugin)


@pytest.mark.parametrize("kind", KINDS)
def test_a_plugin_that_does_nothing_does_not_conform(kind):
    empty = type("Empty", (getattr(bench, class_name(kind)),), {"__doc__": "Nothing."})
    if kind == "method":
        check(empty())  # a method that does nothing is the dense one
    else:
        with pytest.raises((NotImplementedError, bench.SeesawError)):
            check(empty())
