"""Where exits hang, and how plans are stated.

Covers: bench/kinds/bases/early_exits.py
"""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from baselines.backbones.resnet import ResNet
from bench import (
    About,
    EarlyExits,
    Exits,
    Method,
    MixedPool,
    Recipe,
    Sample,
    SeesawError,
    early_head_parameters,
    exit_stages,
    masked,
    stages_near,
)
from bench.kinds.build import assemble
from bench.plugins.plugin import choose, entries
from bench.records.sealed import without_open
from bench.testing import trained

SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
ABOUT = About(4, Sample((3, 16, 16)), Recipe(epochs=1))


def test_three_exits_stand_at_a_quarter_a_half_and_all():
    shares = [i / 10 for i in range(1, 11)]
    assert exit_stages(shares, 3) == [1, 4, 9]


def test_a_backbone_with_fewer_stages_gets_an_exit_at_each():
    assert exit_stages([0.9, 1.0], 3) == [0, 1]
    assert exit_stages([1.0], 3) == [0]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_last_stage_always_has_one(count):
    assert exit_stages([0.1, 0.2, 0.4, 0.9, 1.0], count)[-1] == 4


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=12), st.integers(1, 12))
def test_places_are_distinct_and_rise(costs, count):
    total = sum(costs)
    shares = [sum(costs[: i + 1]) / total for i in range(len(costs))]
    chosen = exit_stages(shares, count)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, len(costs))


def test_exits_stand_nearest_to_the_shares_that_are_asked_for():
    assert stages_near(SHARES, (0.16, 0.34, 0.71)) == [1, 2, 6, 9]
    assert stages_near(SHARES, (0.9, 0.12)) == [0, 8, 9]
    assert stages_near(SHARES, ()) == [9]


def test_two_exits_for_one_stage_take_neighbours_and_too_many_take_every_stage():
    assert stages_near([0.1, 0.8, 1.0], (0.1, 0.1)) == [0, 1, 2]
    assert stages_near([0.1, 0.8, 1.0], (0.15, 0.3, 0.45, 0.6, 0.75, 0.9)) == [0, 1, 2]


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=9), st.data())
def test_a_single_exit_is_as_near_as_any_stage_is(costs, data):
    total = sum(costs)
    shares = [sum(costs[: i + 1]) / total for i in range(len(costs))]
    target = data.draw(st.floats(0, 1))
    stage, last = stages_near(shares, [target])
    assert last == len(costs) - 1
    assert abs(shares[stage] - target) == min(abs(share - target) for share in shares[:-1])


@pytest.mark.parametrize(
    ("settings", "stages"),
    [
        ("", [1, 4, 9]),
        ("[exits=2]", [4, 9]),
        ("[at=7:2]", [2, 7, 9]),
        ("[shares=0.3:0.62]", [2, 5, 9]),
        ("[everywhere=true]", list(range(10))),
    ],
)
@pytest.mark.parametrize("plan", ["joint", "frozen", "distilled", "equilibrium", "ztw", "sdn"])
def test_where_exits_hang_is_stated_the_same_way_for_every_plan(plan, settings, stages):
    chosen = choose(EarlyExits, f"{plan}{settings}").plugin.stages(SHARES)
    assert chosen == ([0, 2, 3, 5, 6, 8, 9] if (plan, settings) == ("sdn", "") else stages)


@pytest.mark.parametrize(
    "pair", list(combinations(["at=1", "shares=0.5", "everywhere=true", "exits=2"], 2)), ids=str
)
def test_two_settings_that_say_where_exits_hang_are_refused(pair):
    names = [setting.partition("=")[0] for setting in pair]
    with pytest.raises(SeesawError, match="each say where exits hang; keep one") as error:
        choose(EarlyExits, f"joint[{','.join(pair)}]")
    assert all(name in str(error.value) for name in names)


def test_a_head_is_asked_for_by_name_and_the_last_exit_keeps_the_backbones_own():
    def heads(spec):
        net = assemble(ResNet(depth=8), ABOUT, choose(Exits, spec).plugin)
        return [net.head(stage) for stage in net.exits]

    for spec in ("joint", "joint[head=own]", "sdn[head=own,exits=3]"):
        assert not any(isinstance(part, MixedPool) for head in heads(spec) for part in head.modules())
    *early, last = heads("joint[head=mixed]")
    assert all(isinstance(head[0], MixedPool) for head in early)
    assert not isinstance(last[0], MixedPool)
    assert all(isinstance(head[0], nn.Conv2d) for head in heads("frozen[head=conv]")[:-1])
    with pytest.raises(SeesawError, match=r"joint\[head\].*given 'mixd'"):
        choose(Exits, "joint[head=mixd]")


def test_settings_left_open_do_not_count_so_old_records_keep_their_places():
    settings = {plan: without_open(choose(Exits, plan).settings) for plan in ("joint", "frozen", "single")}
    assert settings == {"joint": {"exits": 3}, "frozen": {"exits": 3, "backbone": 0.75}, "single": {}}
    own = choose(Exits, "joint[head=own]")
    assert own.settings == choose(Exits, "joint").settings
    assert own.spec == "joint"


@pytest.mark.parametrize("plan", list(entries("exits")))
def test_a_spec_says_the_same_when_it_is_read_again(plan):
    for extra in ("", "[everywhere=true]", "[head=own]", "[at=0:2]", "[shares=0.5]"):
        if extra and plan == "single":
            continue
        chosen = choose(Exits, f"{plan}{extra}")
        assert choose(Exits, chosen.spec).plugin == chosen.plugin


def test_a_network_parts_into_early_heads_and_the_rest():
    net = assemble(ResNet(depth=8), ABOUT, choose(Exits, "joint").plugin)
    early, rest = early_head_parameters(net)
    assert sorted(early + rest) == sorted(name for name, _ in net.named_parameters())
    heads = {
        f"heads.{stage}.{name}" for stage in net.exits[:-1] for name, _ in net.head(stage).named_parameters()
    }
    assert set(early) == heads


@pytest.mark.parametrize("plan", ["frozen", "ztw", "joint[alone=0.5]"])
@pytest.mark.parametrize("method", ["shuffled[of=pruned[density=0.5]]", "reinit[of=set[density=0.5]]"])
def test_controls_of_trained_masks_run_under_plans_that_train_in_portions(plan, method):
    net, budget = trained(choose(Method, method).plugin, choose(Exits, plan).plugin)
    assert list(masked(net))
    assert budget.spent > 1  # the other method's training counts
