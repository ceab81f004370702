"""Made records have what real ones have, or tests of pages and checks would be of records that no run writes."""

import pytest

from bench.runs.request import RunRequest
from bench.runs.run import run

COUNTED = "energy"
"""The reading of a real run that made records leave out: not every machine counts it."""


def names(record):
    """The names of the readings at every place, and the codecs behind every policy at every cut."""
    readings = {place: set(own) - {COUNTED} for place, own in record.places()}
    return readings | {f"early {c.before}": {(e.policy, *e.behind) for e in c.early} for c in record.cuts}


@pytest.mark.parametrize("method", ["dense", "snip[density=0.25]"])
def test_a_made_record_has_the_readings_of_a_real_one(made, places, method):
    request = RunRequest(
        task="blobs", model=f"mlp[widths=16:16]_{method}", policies=("fixed",), codecs=("int8",),
        recipe={"epochs": "4"}, **places,
    )  # fmt: skip
    assert names(made(method=method)) == names(run(request))
