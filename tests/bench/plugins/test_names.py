"""Names in specs, looked up without loading anything: the sentences are those of loading."""

import sys

import pytest

import bench
from bench import SeesawError
from bench.plugins.listing import Source, source_of
from bench.plugins.names import check_model, check_names
from bench.plugins.plugin import KINDS, choose, class_name, entries, plugin_names

BASES = {kind: getattr(bench, class_name(kind)) for kind in KINDS}


def sentence(of, *words):
    with pytest.raises(SeesawError) as error:
        of(*words)
    return str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_name_gives_the_sentence_that_loading_gives(kind):
    specs = ["nonsense", "Not a spec", "a[b=1", *(f"{name}[densty=3]" for name in plugin_names(kind))]
    for spec in specs:
        assert sentence(check_names, kind, [spec]) == sentence(choose, BASES[kind], spec)


@pytest.mark.parametrize("kind", KINDS)
def test_every_announced_name_with_every_setting_passes(kind):
    for name, (entry,) in entries(kind).items():
        settings = source_of(entry).in_class_order
        assert source_of(entry).is_whole
        check_names(
            kind, [name, *(f"{name}[{key}={one.value}]" for key, one in settings.items() if one.value)]
        )


def test_a_spec_inside_a_spec_is_looked_up_too():
    check_model("mlp_reinit[of=snip[density=0.5]]")
    assert "There is no method 'snp'; did you mean 'snip'" in sentence(check_model, "mlp_reinit[of=snp]")
    assert "snip has no setting 'sample'" in sentence(check_model, "mlp_reinit[of=snip[sample=3]]")
    assert "There is no task 'imbd'" in sentence(check_names, "task", ["yelp[stream=imbd]"])


def test_a_model_is_looked_up_in_both_parts_and_may_leave_out_the_method():
    check_model("resnet")
    assert "no backbone 'resnt'" in sentence(check_model, "resnt_sparse")
    assert "no method 'spars'" in sentence(check_model, "resnet_spars")


def test_a_draft_and_a_class_whose_bases_are_hidden_are_left_to_loading(monkeypatch):
    check_model("my.module:Mine[width=3]_sparse")
    hidden = Source(line="", own=((),), bases=frozenset(), is_whole=False)
    monkeypatch.setattr("bench.plugins.names.source_of", lambda entry: hidden)
    check_names("method", ["sparse[whatever=1]"])


def test_a_base_is_followed_through_a_whole_module_and_one_from_nowhere_is_hidden(tmp_path, monkeypatch):
    (tmp_path / "strangers.py").write_text(
        "import bench\n"
        "class Whole(bench.Pruning):\n    mine: int = 1\n"
        "class Part(hidden(), bench.Method):\n    mine: int = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    class Entry:
        def __init__(self, value):
            self.value = value

    whole, part = source_of(Entry("strangers:Whole")), source_of(Entry("strangers:Part"))
    assert whole.is_whole
    assert {"mine", "density", "where"} <= whole.in_class_order.keys()
    assert not part.is_whole
    assert "strangers" not in sys.modules


def test_a_draft_whose_file_and_a_setting_whose_folder_is_not_there_are_sentences(tmp_path):
    missing = "There is no file nowhere/mine.py, whose code nowhere/mine.py:"
    assert missing in sentence(check_model, "nowhere/mine.py:Mine[width=3]_sparse")
    assert missing in sentence(check_model, "module[path=nowhere/mine.py:build]")
    (tmp_path / "mine.py").touch()
    check_model(f"{tmp_path}/mine.py:Mine_sparse")
    assert "nowhere is no folder. Write folder[path=DIR]" in sentence(
        check_names, "task", ["folder[path=nowhere]"]
    )
    assert "is no folder" in sentence(check_names, "task", ["imagenet[path=nowhere]"])
    odd = tmp_path / "cats, dogs"
    odd.mkdir()
    check_names("task", [f'folder[path="{odd}",size=16]', f"folder[path={tmp_path}]", "folder"])
