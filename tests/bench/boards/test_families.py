"""Methods side by side, against boards whose answers are known by construction."""

from bench.boards.board import read_boards
from bench.boards.families import families, side_by_side, without_density
from bench.records.setup import Named
from bench.records.store import Store


def named(name, density=None, **more):
    settings = more | ({} if density is None else {"density": density})
    words = ",".join(f"{key}={value}" for key, value in settings.items())
    return Named(
        name=name, origin="seesaw-bench 1", settings=settings, spec=f"{name}[{words}]" if words else name
    )


def board(made, folder, *rights):
    """A board of records: of each method, by seed, how many of 200 are right at the last exit."""
    for method, right_by_seed in rights:
        for seed, right in right_by_seed.items():
            record = made(seed, right=(100, right))
            setup = record.setup.model_copy(update={"method": method})
            record.model_copy(update={"setup": setup, "digest": setup.digest()}).save(folder)
    return read_boards(Store(folder))[0]["digits-v1"].rows


def test_methods_stand_by_density_the_best_first_where_most_have_one(made, tmp_path):
    rows = board(
        made,
        tmp_path,
        (named("dense"), {0: 180, 1: 182, 2: 184}),
        (named("sparse", 0.5), {0: 170, 1: 170, 2: 170}),
        (named("sparse", 0.25), {0: 150, 1: 150, 2: 150}),
        (named("pruned", 0.25), {0: 160}),
        (named("n-m"), {0: 170}),
    )
    table = side_by_side(rows)
    assert table.heads[4:] == ("none asked for", "0.5", "0.25")
    dense, n_m, pruned, sparse = table.rows
    assert n_m[1] == "n-m"
    assert n_m[4].startswith("85.00% (n=1) at ")
    assert dense[1:3] == ["dense", "3"]
    assert dense[4].startswith("91.00% ±")
    assert pruned[1:3] == ["pruned", "1"]
    assert pruned[4:] == ["", "", "80.00% (n=1)"]
    assert sparse[1:3] == ["sparse", "3"]
    assert sparse[4:] == ["", "85.00% ± 0.00", "75.00% ± 0.00"]
    assert "2 methods, 2 densities, 1 to 3 seeds, 7 records" in table.note


def test_a_board_of_one_density_each_has_no_such_table(made, tmp_path):
    rows = board(made, tmp_path, (named("dense"), {0: 180}), (named("sparse", 0.5), {0: 170}))
    assert side_by_side(rows) is None
    assert [one.method for one in families(rows)] == ["sparse"]


def test_methods_differ_by_all_but_their_own_density():
    assert without_density("sparse[density=0.5,nearest=true]") == "sparse[nearest=true]"
    assert without_density("pruned[density=0.5]") == "pruned"
    inner = "shuffled[of=snip[where=device,density=0.1]]"
    assert without_density(inner) == inner
    assert without_density("what a stranger [wrote") == "what a stranger [wrote"
