import pytest

from bench.engine.ways import _blocks


@pytest.mark.parametrize(
    ("batch", "blocks"), [(1, [1]), (7, [1]), (8, [16]), (16, [16, 32]), (64, [16, 32, 64])]
)
def test_every_batch_has_blocks_to_try_none_of_them_emptier_than_half(batch, blocks):
    assert _blocks(batch) == blocks
