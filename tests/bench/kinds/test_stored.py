"""Inputs that are not in memory: read by rows, and by nothing else."""

import pytest
import torch

from bench import Data, Scale, Split, Stored, hold_out, kept, random_subset
from bench.errors import SeesawError
from bench.kinds.task import LentData

IMAGES = torch.arange(10 * 3 * 4 * 4).remainder(256).to(torch.uint8).reshape(10, 3, 4, 4)


def stored():
    return Stored((3, 4, 4), lambda places: IMAGES[places], torch.arange(10))


def test_rows_are_read_by_number_slice_and_list():
    one = stored()
    assert one.shape == IMAGES.shape
    assert one.nbytes == IMAGES.nbytes
    for rows in (3, slice(2, 9, 3), torch.tensor([7, 0, 7]), torch.arange(10) % 2 == 0):
        assert torch.equal(one[rows], IMAGES[rows])
    assert torch.equal(torch.cat(list(one.split(4))), IMAGES)


def test_parts_stay_where_they_are():
    split = Split(stored(), torch.arange(10))
    whole = Split(IMAGES, torch.arange(10))
    for part, other in zip(
        (*hold_out(split, 3), random_subset(split, 4)),
        (*hold_out(whole, 3), random_subset(whole, 4)),
        strict=True,
    ):
        assert isinstance(part.inputs, Stored)
        assert torch.equal(part.inputs[:], other.inputs)
        assert torch.equal(part.labels, other.labels)
    assert isinstance(LentData(split, torch.Tensor.float).train.inputs, Stored)


@pytest.mark.parametrize(
    "use", [lambda x: x.float(), lambda x: x.clone(), lambda x: torch.equal(x, x), lambda x: x.mean()]
)
def test_nothing_brings_all_of_them_into_memory(use):
    with pytest.raises((TypeError, RuntimeError)):
        use(stored())


def test_inputs_are_made_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path))
    made = []

    def make(places):
        made.extend(places.tolist())
        return IMAGES[places]

    for _ in range(2):
        one = kept("key", (3, 4, 4), make, 10)
        assert torch.equal(one[torch.tensor([9, 2])], IMAGES[[9, 2]])
    assert made == list(range(10))
    path = tmp_path / "inputs" / "key.u8"
    path.write_bytes(path.read_bytes()[:-1])
    assert torch.equal(kept("key", (3, 4, 4), make, 10)[:], IMAGES)
    monkeypatch.setattr("bench.kinds.stored.FREE", 1e15)
    assert kept("other", (3, 4, 4), make, 10) is None


def test_a_killed_writers_draft_is_no_file_and_goes(tmp_path, monkeypatch):
    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path))

    def fails(places):
        raise SeesawError("broken")

    with pytest.raises(SeesawError, match="broken"):
        kept("key", (3, 4, 4), fails, 10)
    (tmp_path / "inputs" / ".key.123.part").write_bytes(b"1")
    kept("key", (3, 4, 4), lambda places: IMAGES[places], 10)
    assert sorted(one.suffix for one in (tmp_path / "inputs").iterdir()) == ["", ".u8"] or not list(
        (tmp_path / "inputs").glob("*.part")
    )


def test_what_is_lent_of_stored_inputs_reads_no_rows_but_its_own():
    asked = []

    def read(places):
        asked.extend(places.tolist())
        return places.to(torch.uint8).reshape(-1, 1, 1, 1)

    whole = Stored((1, 1, 1), read, torch.arange(9))
    parts = [
        Split(whole.at(torch.tensor(rows)), torch.tensor([0, 1, 0]))
        for rows in ([8, 2, 4], [0, 1, 3], [5, 6, 7])
    ]
    lent = Data(*parts, Scale((0.5,), (0.25,))).lent.train.inputs
    assert lent[:].flatten().tolist() == [8, 2, 4]
    assert lent[torch.tensor([2, 0])].flatten().tolist() == [4, 8]
    assert lent.read(torch.arange(3)).flatten().tolist() == [8, 2, 4]
    with pytest.raises(IndexError):
        lent.read(torch.tensor([5]))
    assert {*asked} == {8, 2, 4}


def test_parts_are_lent_of_the_same_rows_and_no_others():
    def cut(places, boxes, size):
        return places.to(torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, *size)

    whole = Stored((1, 1, 1), lambda places: places, torch.arange(9), cut)
    lent = whole.at(torch.tensor([8, 2, 4])).alone()
    boxes = torch.zeros(2, 4)
    assert lent.parts(torch.tensor([1, 0]), boxes, (2, 2)).flatten(1)[:, 0].tolist() == [2, 8]
    with pytest.raises(IndexError):
        lent.parts(torch.tensor([5, 0]), boxes, (2, 2))
    assert stored().alone().parts is None
