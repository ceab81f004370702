"""Rows that tiles need, held against convolutions of one channel that count where they look."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from bench import SeesawError
from bench.network.fields import Span, needed, shares


def looked_at(out, height, kernel, stride, padding, dilation):
    """By brute force: the input rows that change one of the output rows, by the gradient of a sum."""
    x = torch.ones(1, 1, height, 1, requires_grad=True)
    y = F.conv2d(
        x, torch.ones(1, 1, kernel, 1), stride=(stride, 1), padding=(padding, 0), dilation=(dilation, 1)
    )
    y[:, :, out.start : out.stop].sum().backward()
    return [int(row) for row in torch.nonzero(x.grad[0, 0, :, 0]).flatten()]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    list(itertools.product((1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2))),
)
def test_the_rows_needed_are_those_that_a_convolution_looks_at(kernel, stride, padding, dilation):
    for height in (7, 10, 13):
        rows = (height + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        for start, stop in itertools.combinations(range(max(rows, 0) + 1), 2):
            span, above, below = needed(Span(start, stop), height, kernel, stride, padding, dilation)
            seen = looked_at(Span(start, stop), height, kernel, stride, padding, dilation)
            assert set(seen) <= set(range(span.start, span.stop))
            if seen and dilation == 1 and stride <= kernel:  # else rows lie between, which nobody looks at
                assert (span.start, span.stop) == (seen[0], seen[-1] + 1)
            assert above + len(span) + below == (stop - start - 1) * stride + dilation * (kernel - 1) + 1


def test_rows_are_dealt_as_equally_as_whole_rows_allow():
    assert [len(one) for one in shares(7, 3)] == [3, 2, 2]
    assert [len(one) for one in shares(2, 4)] == [1, 1, 0, 0]
    dealt = shares(11, 4)
    assert [row for one in dealt for row in range(one.start, one.stop)] == list(range(11))
    with pytest.raises(SeesawError, match="to 0 machines"):
        shares(5, 0)


def test_spans_join_and_miss_rows():
    assert Span(2, 4).joined(Span(6, 9)) == Span(2, 9)
    assert Span(0, 0).joined(Span(6, 9)) == Span(6, 9)
    assert Span(2, 9).missing(Span(4, 20)) == 2
    assert Span(2, 9).missing(Span(20, 30)) == 7
    assert not Span(3, 3)
