import pytest

from bench.execution.program.choices import choices


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """An empty folder of choices."""
    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path))
    choices.cache_clear()
    yield tmp_path
    choices.cache_clear()
