import re

import pytest

from bench import Backbone, Exits, Method, Plugin, SeesawError, Task
from bench.plugins.plugin import KINDS, choose, entries

DRAFT = """
from bench import Method

class Mine(Method):
    \"\"\"A draft.\"\"\"
    rate: float = 0.5
    steps: tuple[int, ...] = ()
"""


def test_settings_are_read_with_their_types():
    choice = choose(Backbone, "mlp[widths=40:20,width=0.5]")
    assert choice.plugin.widths == (40, 20)
    assert choice.settings == {"width": 0.5, "widths": [40, 20], "inputs": 0}
    assert choose(Backbone, choice.spec).plugin == choice.plugin


def test_a_list_in_a_setting_may_be_empty_and_an_open_one_none():
    assert choose(Exits, "joint[at=]").plugin.at == ()
    assert choose(Task, "mnist[train=none]").plugin.train is None


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("resnet[detph=20]", "did you mean 'depth'"),
        ("resnet[depth=21]", "6n\\+2.*20 and 26"),
        ("resnet[depth=abc]", "given 'abc'"),
        ("resnt", "did you mean 'resnet'"),
        ("mlp[width=nan]", "width"),
        ("mlp[width=0]", "width"),
        ("mlp[widths=a:b]", "widths"),
    ],
)
def test_a_wrong_spec_names_the_right_ones(spec, hint):
    with pytest.raises(SeesawError, match=hint):
        choose(Backbone, spec)


def test_a_name_of_another_kind_is_not_found():
    with pytest.raises(SeesawError, match="no method 'resnet'"):
        choose(Method, "resnet")


def test_a_draft_runs_by_its_path_and_its_origin_is_marked(tmp_path):
    file = tmp_path / "my_draft.py"
    file.write_text(DRAFT)
    choice = choose(Method, f"{file}:Mine[rate=0.25,steps=1:2]")
    assert (choice.plugin.rate, choice.plugin.steps) == (0.25, (1, 2))
    assert re.fullmatch(r"draft my_draft.py sha256:[0-9a-f]{12}", choice.origin)


def test_a_changed_draft_is_read_anew(tmp_path):
    file = tmp_path / "changing.py"
    file.write_text(DRAFT)
    first = choose(Method, f"{file}:Mine")
    file.write_text(DRAFT.replace("0.5", "0.75"))
    second = choose(Method, f"{file}:Mine")
    assert (first.plugin.rate, second.plugin.rate) == (0.5, 0.75)
    assert first.origin != second.origin


def test_a_draft_by_module_is_found_from_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "a_module_of_mine.py").write_text(DRAFT)
    monkeypatch.chdir(tmp_path)
    assert choose(Method, "a_module_of_mine:Mine").origin.startswith("draft a_module_of_mine sha256:")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("class Mine: pass", "must derive"),
        ("x = 1", "has no 'Mine'"),
        ("import nowhere_at_all", "nowhere_at_all"),
    ],
)
def test_a_broken_draft_is_a_sentence(tmp_path, text, hint):
    file = tmp_path / "broken.py"
    file.write_text(text)
    with pytest.raises(SeesawError, match=hint):
        choose(Method, f"{file}:Mine")


def test_a_missing_draft_is_a_sentence():
    with pytest.raises(SeesawError, match="cannot be imported"):
        choose(Method, "no/such/file.py:Mine")


class _Dist:
    def __init__(self, name):
        self.name, self.version = name, "1"


class _Entry:
    def __init__(self, name, value, dist):
        self.name, self.value, self.dist = name, value, _Dist(dist)

    def load(self):
        raise ImportError("no module named gone")


def test_two_distributions_that_claim_one_name_are_both_named(monkeypatch):
    claims = [_Entry("twice", "a:A", "one"), _Entry("twice", "b:B", "two")]
    monkeypatch.setattr("bench.plugins.plugin._installed", lambda group: claims)
    entries.cache_clear()
    try:
        with pytest.raises(SeesawError, match="one 1 and by two 1"):
            choose(Method, "twice")
    finally:
        monkeypatch.undo()
        entries.cache_clear()


def test_a_plugin_that_cannot_be_imported_names_its_distribution(monkeypatch):
    monkeypatch.setattr("bench.plugins.plugin._installed", lambda group: [_Entry("gone", "a:A", "theirs")])
    entries.cache_clear()
    try:
        with pytest.raises(SeesawError, match=r"'gone' of theirs 1 cannot be imported.*no module named gone"):
            choose(Method, "gone")
    finally:
        monkeypatch.undo()
        entries.cache_clear()


def test_a_plugin_is_frozen_and_hashable():
    plugin = choose(Backbone, "mlp").plugin
    assert isinstance(plugin, Plugin)
    with pytest.raises(ValueError, match="frozen"):
        plugin.inputs = 3
    assert hash(plugin) == hash(choose(Backbone, "mlp").plugin)


def test_every_kind_has_plugins():
    assert all(entries(kind) for kind in KINDS)


def test_a_number_among_words_is_taken_by_its_spelling():
    assert choose(Backbone, "vgg[depth=11]").plugin.depth == 11
    with pytest.raises(SeesawError, match="depth"):
        choose(Backbone, "vgg[depth=12]")
