import pytest

from bench import SeesawError, Task
from bench.plugins.plugin import choose


@pytest.mark.parametrize(
    "spec",
    [
        "blobs[train=1000000,side=256,channels=16]",
        "blobs[test=999999,side=64]",
        "blobs[train=16385,side=128]",
    ],
)
def test_images_that_no_memory_holds_are_refused_before_they_are_made(spec):
    with pytest.raises(SeesawError, match="may hold 268,435,456; ask for fewer or smaller ones"):
        choose(Task, spec)
    assert choose(Task, "blobs[train=15872,side=128]").plugin.train == 15872
