import pytest

import bench
from bench.plugins.listing import bases, cards
from bench.plugins.plugin import KINDS, choose, class_name, plugin_names
from bench.plugins.spec import render

BASES = {kind: getattr(bench, class_name(kind)) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_read_from_source_agrees_with_the_class(kind):
    for card in cards(kind):
        plugin = type(choose(BASES[kind], card.name).plugin)
        assert {s.name for s in card.settings} == plugin.model_fields.keys()
        for setting in card.settings:
            if setting.default != "none":
                read = plugin.read(card.name, {setting.name: setting.default})
                assert read == plugin()
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


@pytest.mark.parametrize("kind", KINDS)
def test_the_classes_above_a_plugin_are_those_that_it_derives_from(kind):
    for name in plugin_names(kind):
        above = {cls.__name__ for cls in type(choose(BASES[kind], name).plugin).__mro__[1:]}
        assert bases(kind, name) == above & bases(kind, name)
        assert BASES[kind].__name__ in bases(kind, name)
    assert bases(kind, "nothing-of-this-name") is None


def test_bounds_and_predefined_methods_are_known_by_their_classes():
    assert "Reference" in bases("policy", "oracle")
    assert "Reference" not in bases("policy", "entropy")
    assert "Predefined" in bases("method", "sparse")
    assert "Predefined" not in bases("method", "pruned")
