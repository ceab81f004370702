import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import SeesawError
from bench.plugins.spec import Spec, names_draft, parse, split_model

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
        ("a.py:A", True), ("shuffled[of=a.py:A]", True), ("shuffled[density=0.5,of=reinit[of=m:A[x=1]]]", True),
        ("mlp[widths=40:40]", False), ("folder[path=/my/images,size=64]", False), ("shuffled[of=snip[density=0.1]]", False),
    ],
)  # fmt: skip
def test_a_draft_is_found_however_deep_it_lies(text, draft):
    assert names_draft(text) == draft
