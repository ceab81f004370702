import pytest
import torch

from bench import SeesawError
from bench.network.sparse.values import VALUE_TYPES, narrow, value_type, widen


def weight():
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(6, 4, 3, 3, generator=generator) * torch.logspace(-3, 2, 6).reshape(6, 1, 1, 1)
    w[2] = 0
    return w


def read_back(stored, scale):
    return widen(stored, None if scale is None else scale.reshape(-1, 1, 1, 1))


@pytest.mark.parametrize("kind", VALUE_TYPES)
def test_numbers_that_were_read_back_are_written_again_as_the_same_bytes(kind):
    stored, scale = narrow(weight(), kind)
    again, scale_again = narrow(read_back(stored, scale), kind)
    assert torch.equal(stored, again)
    assert (scale is None and scale_again is None) or torch.equal(scale, scale_again)


def test_int8_is_off_by_half_a_step_of_each_output_at_most():
    w = weight()
    stored, scale = narrow(w, "int8")
    assert stored.dtype == torch.int8
    for row, one, step in zip(w, read_back(stored, scale), scale.tolist(), strict=True):
        largest = float(row.abs().max())
        assert largest / 127 <= step <= largest / 127 * (1 + 2**-15)
        assert float((row - one).abs().max()) <= step / 2 * (1 + 1e-6)


def test_float32_is_exact_and_float16_is_numpys():
    w = weight()
    assert torch.equal(read_back(*narrow(w, "float32")), w)
    assert read_back(*narrow(w, "float16")).numpy().tolist() == w.numpy().astype("f2").astype("f4").tolist()


def test_other_types_are_refused():
    with pytest.raises(SeesawError, match="Choose float32, float16, int8"):
        value_type("int4")
    with pytest.raises(ValueError, match="float64"):
        widen(torch.zeros(2, dtype=torch.double), None)
