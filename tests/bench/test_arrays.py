import gzip
import os
import struct
import tracemalloc
import zipfile
from threading import Thread

import numpy as np
import pytest
from torch import nn

from baselines.channels.layouts import read_recording
from baselines.channels.recording import Recording
from bench import SeesawError, Stored, idx_array, npz_arrays
from bench.replay.deploy.crossed import Crossed
from bench.replay.exits.states import load_states
from bench.replay.streams.matrix import read_stream
from bench.replay.trace import Trace
from bench.runs.request import _digest
from bench.shipping.packed.weights import load_weights
from tasks.folder import Folder
from tasks.images import read_arrays, read_idx
from tasks.rows import Layout, read
from tasks.synsets import lines

TERABYTE = 1 << 40


def npz(path, shape, kind="|u1", data=b""):
    """An npz whose arrays announce a shape, over other data."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("images", "labels", "confidences", "predictions", "logits", "costs"):
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array_header_1_0(
                    file, {"descr": kind, "fortran_order": False, "shape": shape}
                )
                file.write(data)
    return path


@pytest.fixture
def memory():
    """Holds what a test takes at most to a few megabytes."""
    tracemalloc.start()
    yield
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 60 << 20


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((TERABYTE,), "|u1"), ((1 << 20, 1 << 20), "<f8"), ((1 << 62, 4), "<f8"), ((3,), "|u1")],
)
def test_an_npz_that_announces_other_sizes_than_its_data_have_is_refused(tmp_path, memory, shape, kind):
    path = npz(tmp_path / "test.npz", shape, kind)
    with pytest.raises(ValueError, match="announces"):
        npz_arrays(path, ("images",), TERABYTE)
    with pytest.raises(SeesawError, match=r"cannot be read \(images announces"):
        read_arrays(path)
    with pytest.raises(SeesawError, match="announces"):
        read_stream(path)


def test_arrays_larger_than_memory_may_take_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros(1000), b=np.zeros(10**6))
    assert npz_arrays(tmp_path / "a.npz", ("a", "c"), 9000).keys() == {"a"}
    with pytest.raises(SeesawError, match=r"announces 8,\d+ bytes of data, and 8,000 may be in memory"):
        npz_arrays(tmp_path / "a.npz", ("a",), 8000)
    np.savez(tmp_path / "o.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="objects"):
        npz_arrays(tmp_path / "o.npz", ("a",), 8000)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_files_are_read_to_what_they_announce_and_no_further(tmp_path, memory, ending):
    def write(shape, data):
        path = tmp_path / f"one-idx{ending}"
        head = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        path.write_bytes(gzip.compress(head + data) if ending else head + data)
        return path

    assert idx_array(write((2, 3), bytes(range(6))), 100).tolist() == [[0, 1, 2], [3, 4, 5]]
    for shape, data in (((2, 3), b"12345"), ((2, 3), bytes(5 << 20)), ((1 << 31, 2), b"")):
        with pytest.raises(ValueError, match="announces"):
            idx_array(write(shape, data), TERABYTE)
    with pytest.raises(SeesawError, match="may be in memory"):
        idx_array(write((1 << 20, 1 << 20), b""), 1 << 36)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    for name in ("test.npz", "train-images-idx3-ubyte"):
        os.mkfifo(tmp_path / name)
    for name in ("train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(SeesawError, match="cannot be read"):
        read_arrays(tmp_path / "test.npz")
    with pytest.raises(SeesawError, match="no whole idx file"):
        read_idx(tmp_path)


READERS = {
    "weights": lambda path: load_weights(nn.Linear(1, 1), path),
    "weights' digest": _digest,
    "trace": Trace.load,
    "states": load_states,
    "crossings": lambda path: Crossed.read(path, 2, 2, 2),
    "recording": read_recording,
    "recording's digest": lambda path: Recording(file=str(path)).identity(),
    "texts": lambda path: read(path, Layout(""), {"0": 0}, pairs=False),
    "one text of a folder": lambda path: read(path.parent.parent, Layout(""), {"0": 0}, pairs=False),
    "labels": lines,
}
"""Readers of files that a user, or a stranger's folder, may name."""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("ending", [".safetensors", ".pt", ".txt"])
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_no_reader_waits_for_a_pipe(tmp_path, reader, ending):
    (tmp_path / "0").mkdir()
    path = tmp_path / "0" / f"pipe{ending}"
    os.mkfifo(path)
    found = []

    def call():
        try:
            reader(path)
        except SeesawError as error:
            found.append(str(error))

    thread = Thread(target=call, daemon=True)
    thread.start()
    thread.join(8)
    assert not thread.is_alive(), "it waits for somebody to write"
    assert len(found) == 1
    assert "cannot be read" in found[0] or "no whole" in found[0] or "holds no" in found[0]


def test_a_terabyte_of_pictures_is_neither_opened_nor_kept(tmp_path):
    (tmp_path / "none.png").write_bytes(b"no picture")
    task = Folder(path=str(tmp_path), size=1024)
    files = [(tmp_path / "none.png", 0)] * (TERABYTE // (3 << 20))
    split = task._decode("test", files)
    assert isinstance(split.inputs, Stored)
    assert len(split.labels) == len(files)
    with pytest.raises(SeesawError, match=r"none\.png"):
        split.inputs[:1]
