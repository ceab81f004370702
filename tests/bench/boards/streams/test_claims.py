"""The papers' claims, held against lines whose numbers are written down here."""

import pytest

from bench.boards.streams.claims import claims
from bench.boards.streams.section import PolicyLine
from bench.records.mean import Mean

NAMES = {"(a) all layers": "baseline", "(b) early exit": "baseline", "oracle": "bound"}


def written(numbers_of):
    """Lines by policy: the share it saves against (a) and the points it loses, at 1, 2, ... lambda."""
    return [
        PolicyLine(name, NAMES.get(name, "policy"), place + 1.0, None, {
            "less (a)": Mean(numbers[place][0], None, 1), "lost (a)": Mean(numbers[place][1] / 100, None, 1),
        })
        for place in range(max(map(len, numbers_of.values())))
        for name, numbers in numbers_of.items()
    ]  # fmt: skip


def test_a_claim_names_who_meets_it_where_and_how_near_the_others_come():
    sentence, _ = claims(written({
        "splitee": [(0.6, 1), (0.51, 1.9), (0.4, 1)], "thompson": [(0.7, 0), (0.51, 1), (0.3, 0)],
        "always": [(0.6, 1)] * 3, "late": [(0.4, 0), (0.6, 0), (0.4, 0)], "never": [(0.3, 0.5), (0.42, -1), (0.1, 0)],
        "oracle": [(0.9, 0)] * 3,
    }))  # fmt: skip
    assert sentence == (
        "SplitEE's claim (more than 50% less cost than (a), less than 2 points lost) is met at every cost of sending by "
        "always; up to 2 λ by splitee and thompson; at 2 λ by late; nowhere by never (at best 42.0% less, "
        "-1.00 points lost). Where it is not, too little is saved."
    )


@pytest.mark.parametrize(
    ("less", "lost", "splitee", "i_splitee"),
    [(0.5, 1, False, False), (0.501, 1.99, True, False), (0.55, 5, False, True), (0.6, 2, False, True), (0.9, 5.01, False, False)],
)  # fmt: skip
def test_splitee_claims_more_than_its_bounds_and_i_splitee_at_least(less, lost, splitee, i_splitee):
    for sentence, met in zip(claims(written({"one": [(less, lost)]})), (splitee, i_splitee), strict=True):
        assert ("is met at 1 λ by one." in sentence) == met
        assert ("nowhere by one" in sentence) != met


def test_early_exit_is_held_against_them_too_and_the_reason_is_named():
    lines = written({"(b) early exit": [(0.8, 6)], "splitee": [(0.1, 0)], "(a) all layers": [(0, 0)]})
    for sentence in claims(lines):
        assert "(b) early exit (at best 80.0% less, 6.00 points lost)" in sentence
        assert "(a) all layers" not in sentence
        assert sentence.endswith("Where it is not, too little is saved or too much accuracy is lost.")
