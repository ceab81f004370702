import pytest

from bench.records.checks import training
from bench.records.checks.training import schedules_of
from bench.records.record import EpochRow
from bench.records.setup import Recipe
from tests.bench.edited import edited, set_
from tests.bench.made import named

RECIPE = Recipe(epochs=4, batch=10)


def rows(*schedules, recipe=RECIPE):
    """Rows of schedules, each given by the steps of its epochs."""
    return [
        EpochRow(steps=steps, loss=1.0, accuracy=[], lr=recipe.rate((sum(epochs[: n + 1]) - 1) / sum(epochs)), seconds=1.0)
        for epochs in schedules
        for n, steps in enumerate(epochs)
    ]  # fmt: skip


@pytest.mark.parametrize("schedules", [[(10, 10, 10, 10)], [(10, 10), (10, 5)], [(10,), (10, 10), (10,)], []])
def test_rows_belong_to_the_schedules_whose_rates_they_have(schedules):
    found = schedules_of(rows(*schedules), RECIPE)
    assert [tuple(row.steps for row in one) for one in found] == schedules


def test_rows_of_no_schedule_and_rates_that_are_constant():
    (first, *rest) = rows((10, 10, 10))
    assert schedules_of([first.model_copy(update={"lr": first.lr * 1.01}), *rest], RECIPE) is None
    constant = Recipe(epochs=4, batch=10, schedule="constant")
    assert len(schedules_of(rows((10, 10), (10,), recipe=constant), constant)) == 1


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (set_("training", 0, "macs", value=9e4 * 10 * 0.9), "other MACs in a step"),
        (set_("training", 0, "macs", value=9e9), "steps can do"),
        (set_("training", 1, "lr", value=0.05), "not those of its recipe's schedule"),
        (set_("training", 1, "lr", value=0.2), "the recipe's highest"),
        (set_("training", 1, "steps", value=30), "budget|schedule"),
        (set_("training", 1, "accuracy", value=[0.5, 0.503]), "no shares of 100 samples"),
        (set_("training", 1, "seconds", value=100.0), "took longer than its training"),
        (set_("budget", value=0.5), "its budget makes them 20"),
    ],
)
def test_a_row_that_was_changed_is_a_fault(made, change, hint):
    sentences = " ".join(edited(made(), change).faults())
    assert any(part in sentences for part in hint.split("|")), sentences


def test_masks_that_change_excuse_steps_of_other_costs_but_not_of_more_than_can_be(made):
    pruned = made(method="pruned", scale=0.25)
    assert not edited(pruned, set_("training", 0, "macs", value=8e5)).faults()
    assert "steps can do" in " ".join(edited(pruned, set_("training", 0, "macs", value=8e6)).faults())


def test_of_texts_which_differ_in_length_so_may_the_cost_of_a_step(made):
    text = edited(made(codecs=[named("int8")]), set_("cuts", 0, "shape", value=[64]))
    lacks_image = [name for name in text.cuts[0].readings if "image8" in name or "jpeg" in name]
    for name in lacks_image:
        del text.cuts[0].readings[name]
    assert not edited(text, set_("training", 0, "macs", value=8e5)).faults()


@pytest.mark.parametrize("count", [30, 3000])
def test_rows_that_a_stranger_made_are_looked_at_within_bounds(monkeypatch, count):
    constant, looks, rate = Recipe(epochs=4, batch=10, schedule="constant"), [], Recipe.rate
    monkeypatch.setattr(Recipe, "rate", lambda self, progress: looks.append(progress) or rate(self, progress))
    monkeypatch.setattr(training, "MOST_LOOKS", 10_000)
    every = rows(*[(10,)] * count, recipe=constant)
    last = every[-1].model_copy(update={"lr": 0.03})
    looks.clear()
    assert schedules_of([*every[:-1], last], constant) is None
    assert len(looks) <= 10_000 + count
