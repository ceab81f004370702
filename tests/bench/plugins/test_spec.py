import contextlib
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import SeesawError
from bench.plugins.plugin import Settings
from bench.plugins.spec import (
    Spec,
    drafts_in,
    items,
    names_draft,
    parse,
    render,
    split,
    split_model,
    unquoted,
    value_without_folders,
    without_folders,
    without_paths,
)

BACKBONES = ("resnet", "mlp")


def test_a_spec_is_a_name_and_settings():
    assert parse("resnet") == Spec("resnet", {})
    assert parse("resnet[depth=32, width=0.5]") == Spec("resnet", {"depth": "32", "width": "0.5"})
    assert parse("shuffled[of=snip[density=0.1,rounds=3]]").settings == {"of": "snip[density=0.1,rounds=3]"}


@pytest.mark.parametrize(
    "text",
    ["", "Resnet", "resnet[", "resnet]", "resnet[depth]", "resnet[a=1,a=2]", "a b", "resnet[=1]", "[x=1]"],
)
def test_what_is_no_spec_is_refused_with_a_sentence(text):
    with pytest.raises(SeesawError, match=r"[.]$"):
        parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_spec_or_a_sentence(text):
    for read in (parse, lambda text: split_model(text, BACKBONES)):
        with contextlib.suppress(SeesawError):
            read(text)


@pytest.mark.parametrize(
    ("model", "backbone", "method"),
    [
        ("resnet", "resnet", None),
        ("resnet_sparse", "resnet", "sparse"),
        ("resnet[depth=32]_sparse[density=0.25]", "resnet[depth=32]", "sparse[density=0.25]"),
        ("resnet_my_methods.py:Snip[density=0.1]", "resnet", "my_methods.py:Snip[density=0.1]"),
        ("my_nets.py:Tiny[width=2]_sparse", "my_nets.py:Tiny[width=2]", "sparse"),
        ("my_nets.py:Tiny_my_methods.py:Snip", "my_nets.py:Tiny", "my_methods.py:Snip"),
    ],
)
def test_a_model_is_a_backbone_with_a_method(model, backbone, method):
    assert split_model(model, BACKBONES) == (backbone, method)


@pytest.mark.parametrize(
    ("text", "draft"),
    [
        ("a.py:A", True), ('"my, file.py:A"', True), ('shuffled[of="a.py:A"]', True), ('x[of=b:"a.py:A":c]', True),
        ('x[of=" a.py:A"]', True), ('x[of="y[of=""a.py:A""]"]', True), ("shuffled[of=a.py:A]", True), ("shuffled[density=0.5,of=reinit[of=m:A[x=1]]]", True),
        ("mlp[widths=40:40]", False), ("folder[path=/my/images,size=64]", False), ("shuffled[of=snip[density=0.1]]", False),
    ],
)  # fmt: skip
def test_a_draft_is_found_however_deep_it_lies(text, draft):
    assert names_draft(text) == draft


VALUES = st.one_of(
    st.text('ab,[]:"=_ /\\\n', max_size=12),
    st.text(max_size=12),
    st.just("none"),
    st.just("[" * 30 + "]" * 30),
)


class Named(Settings):
    word: str = ""
    maybe: str | None = None
    several: tuple[str, ...] = ()


@given(VALUES, st.none() | VALUES, st.lists(VALUES, max_size=4).map(tuple))
def test_whatever_a_setting_holds_its_spec_reads_back(word, maybe, several):
    values = {"word": word, "maybe": maybe, "several": several}
    spec = parse(str(Spec("folder", {key: render(value) for key, value in values.items()})))
    assert spec.name == "folder"
    assert Named.read("folder", spec.settings) == Named(**values)
    inside = parse(str(Spec("outer", {"of": render(str(spec)), "other": "1"})))
    assert Named.read("outer", {"word": inside.settings["of"]}).word == str(spec)


@given(st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable()))
def test_a_drafts_place_may_hold_any_sign(folder):
    spec = Spec(f"{folder}/my.py:Snip", {"density": "0.1"})
    assert parse(str(spec)) == spec
    assert split_model(f"mlp_{spec}", BACKBONES) == ("mlp", str(spec))
    assert without_folders(str(spec)) == "my.py:Snip[density=0.1]"


def test_commas_and_brackets_stand_in_quotes():
    spec = parse('folder[path="/my/cats, ""two"" [x]",size=64]')
    assert unquoted(spec.settings["path"]) == '/my/cats, "two" [x]'
    assert items('"a:b":c') == ["a:b", "c"]
    assert split('folder[path="a,b"],digits', ",") == ['folder[path="a,b"]', "digits"]
    for wrong in ('folder[path="a]', 'folder["a"=1', '"a'):
        with pytest.raises(SeesawError, match=r"[.]$"):
            parse(wrong)
    with pytest.raises(SeesawError, match="does not end with its quote"):
        unquoted('"a"b')


@pytest.mark.parametrize(
    "text", ["m[of=" * 18 + "m" + "]" * 18, "m[of=" * 50_000, f"m[a={'x' * 10_001}]", "[" * 99]
)
def test_what_is_too_deep_or_too_long_is_refused_at_once(text):
    with pytest.raises(SeesawError) as error:
        parse(text)
    assert len(str(error.value)) < 700


def test_the_deepest_spec_is_read_in_time_that_grows_with_its_length():
    deepest = "m[of=" * 16 + "m" + "]" * 16
    assert not names_draft(deepest)
    wide = f"m[{','.join(f'k{number}=m[of=m[of=m[of=m]]]' for number in range(380))}]"
    assert len(wide) > 9_000
    begun = process_time()
    assert not names_draft(wide)
    assert process_time() - begun < 1


def test_a_draft_is_named_by_its_file_and_class():
    assert (
        without_folders("/home/ann/nets.py:Tiny[of=../x/m.py:Snip[a=1],b=2]")
        == "nets.py:Tiny[of=m.py:Snip[a=1],b=2]"
    )
    assert without_folders("package.module:Class") == "package.module:Class"
    assert without_folders("folder[path=/my/images]") == "folder[path=/my/images]"
    assert value_without_folders(["/a/b.py:C", 1, "/a"]) == ["b.py:C", 1, "/a"]


@pytest.mark.parametrize(
    "place", ["/home/ann/nets.py:build", "/home/ann/my nets/nets.py:build", "../nets.py:build"]
)
@pytest.mark.parametrize("name", ["build", "build_net", "_Net2"])
def test_a_draft_among_the_settings_is_one_whatever_its_function_is_called(place, name):
    place = place.replace("build", name)
    spec = str(Spec("module", {"path": f'"{place}"'}))
    assert drafts_in(spec) == [place]
    assert without_folders(spec) == f"module[path=nets.py:{name}]"
    assert value_without_folders(place) == f"nets.py:{name}"


def test_files_and_folders_are_shown_by_the_last_part_of_their_paths():
    assert without_paths("folder[path=/home/ann/images,size=8]") == "folder[path=images,size=8]"
    assert without_paths('folder[path="/home/ann/cats, dogs/"]') == 'folder[path="cats, dogs"]'
    assert without_paths("folder[path=~/images]") == "folder[path=images]"
    assert without_paths(r"folder[path=C:\images]") == "folder[path=images]"
    for kept in (
        "folder[path=images/mine]",
        "mlp[widths=32:24]",
        "folder[path=/]",
        "module[path=package.module:build]",
    ):
        assert without_paths(kept) == kept
