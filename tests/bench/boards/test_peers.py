"""Peers: two recipes and two machines in one folder, and groups that pairs of seeds cannot tell apart.

Covers: bench/boards/grouped.py
"""

import pytest

from bench.boards.board import read_boards
from bench.records.store import Store
from tests.bench.edited import edited


def save(folder, record, processor="made"):
    machine, seconds = {"processor": processor, "threads": 1}, {"train": float(len(record.training))}
    record.model_copy(update={"machine": machine, "seconds": seconds}).sealed().save(folder)


def recipe(epochs, **more):
    return {"epochs": epochs, "batch": 10} | more


def fields(folder):
    (board,) = read_boards(Store(folder))[0].values()
    return {field.peers.name: field for field in board.fields}


def test_rows_are_ranked_within_one_recipe_and_one_machine(made, tmp_path):
    for seed in range(3):
        save(tmp_path, made(seed, right=(160, 180)))
        save(tmp_path, made(seed, "sparse", right=(160, 170)))
        save(tmp_path, made(seed, right=(160, 190), recipe=recipe(5)))
        save(tmp_path, made(seed + 3, "sparse", right=(160, 170)), processor="other")
    own = fields(tmp_path)
    assert list(own) == ["2 epochs, made, 1 thread", "2 epochs, other, 1 thread", "5 epochs, made, 1 thread"]
    first, other, longer = own.values()
    assert [line.row.setup.method.name for line in first.lines] == ["dense", "sparse"]
    assert [line.group for line in first.lines] == [1, 2]
    assert [line.row.setup.method.name for line in other.lines] == ["sparse"]
    assert [line.group for line in longer.lines] == [1]
    assert {line.row.machine for line in other.lines} == {"other, 1 thread"}


def test_recipes_of_as_many_epochs_are_named_by_what_differs(made, tmp_path):
    save(tmp_path, made(0, recipe=recipe(2, lr=0.1)))
    save(tmp_path, made(0, recipe=recipe(2, lr=0.2)))
    assert sorted(fields(tmp_path)) == [
        "2 epochs, lr 0.1, made, 1 thread",
        "2 epochs, lr 0.2, made, 1 thread",
    ]


def test_what_cannot_be_told_from_the_best_is_in_its_group(made, tmp_path):
    rights = {
        "dense": (180, 184, 188),
        "sparse": (181, 182, 188),
        "narrow": (170, 174, 178),
        "pruned": (165, 179, 176),
    }
    for method, own in rights.items():
        for seed, right in enumerate(own):
            save(tmp_path, made(seed, method, right=(100, right)))
    save(tmp_path, made(0, "random", right=(100, 199)))
    (field,) = fields(tmp_path).values()
    groups = [(line.row.setup.method.name, line.group) for line in field.lines]
    # narrow is 10 right answers below dense for every seed; pruned's differences are 15, 5 and 12
    assert groups == [("dense", 1), ("sparse", 1), ("pruned", 1), ("narrow", 2), ("random", None)]


def test_a_method_that_trains_longer_is_held_against_the_dense_network_of_as_many_epochs(made, tmp_path):
    for seed, right in enumerate((180, 182, 184)):
        save(tmp_path, made(seed, right=(160, 180)))
        for epochs in (6, 20):
            save(tmp_path, made(seed, right=(160, 190 + epochs // 20), recipe=recipe(epochs)))
        once = made(seed, "sparse", right=(160, right))
        save(tmp_path, edited(once, thrice))
    rows = read_boards(Store(tmp_path))[0]["digits-v1"].rows
    (sparse,) = (row for row in rows if row.setup.method.name == "sparse")
    assert sparse.seeds == 3
    assert [record.setup.recipe["epochs"] for record in sparse.longer] == [6, 6, 6]
    assert sparse.against(sparse.longer).mean == pytest.approx(-0.04)
    assert sparse.against(sparse.parents).mean == pytest.approx(0.01)
    assert [row.longer for row in rows if row is not sparse] == [[], [], []]


def thrice(values):
    """Trained three times as long as the recipe: 60 steps of 20."""
    values["budget"] = 3.0
    values["training"] *= 3
