import pytest

from bench.execution.lean.products import PRODUCTS


@pytest.fixture(params=PRODUCTS)
def product(request):
    """The name of every product in turn."""
    if request.param == "native":
        request.getfixturevalue("compiler")
    return request.param
