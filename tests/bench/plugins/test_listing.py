import subprocess
import sys

import pytest

import bench
from bench.plugins.listing import cards
from bench.plugins.plugin import KINDS, choose
from bench.plugins.spec import render

BASES = {kind: getattr(bench, kind.capitalize()) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_read_from_source_says_what_the_class_says(kind):
    for card in cards(kind):
        plugin = type(choose(BASES[kind], card.name).plugin)
        assert {s.name for s in card.settings} == plugin.model_fields.keys()
        for setting in card.settings:
            if setting.default != "none":
                said = plugin.read(card.name, {setting.name: setting.default})
                assert said == plugin()
            default = plugin.model_fields[setting.name].default
            assert default is None or render(default) == setting.default
        assert not card.trouble
        assert card.line


def test_every_setting_has_a_meaning():
    silent = [
        f"{card.name}[{setting.name}]"
        for kind in KINDS
        for card in cards(kind)
        for setting in card.settings
        if not setting.meaning
    ]
    assert silent == []


@pytest.mark.parametrize("words", [["list"], ["--help"], ["run", "--help"]])
def test_looking_around_does_not_import_torch(words):
    code = f"import sys; sys.argv = ['seesaw', *{words!r}]\nimport seesaw\ntry:\n    seesaw.main()\nexcept SystemExit:\n    pass\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("False")


def test_bench_has_the_names_it_lists():
    assert all(hasattr(bench, name) for name in dir(bench))
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = bench.Nonsense
