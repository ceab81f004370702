import pytest

from bench import derived_seed
from bench.records.sealed import MAX_SEED
from bench.runs.request import RunRequest
from bench.runs.run import run


def test_small_seeds_are_as_ever_and_large_ones_are_bounded():
    assert derived_seed(3, 1000, 7) == 3007
    large = {derived_seed(MAX_SEED - back, 1_000_003, number) for back in range(3) for number in range(3)}
    assert len(large) == 9
    assert all(0 <= seed < 1 << 63 for seed in large)


@pytest.mark.parametrize(
    "method", ["sparse", "set", "shared[nearest=true]", "random", "shuffled", "reinit", "monarch"]
)
def test_the_largest_seed_runs(method, tmp_path):
    request = RunRequest(
        task="blobs", model=f"mlp_{method}", seed=MAX_SEED, recipe={"epochs": "1"}, policies=("confidence",),
        codecs=("int8",), meters=("macs",), records=tmp_path / "records", runs=tmp_path / "runs",
    )  # fmt: skip
    assert run(request).seed == MAX_SEED
