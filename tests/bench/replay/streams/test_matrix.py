import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bench import SeesawError, Trace
from bench.replay.streams import matrix
from bench.replay.streams.matrix import read_stream

CONFIDENCES = np.array([[0.5, 0.9], [0.7, 0.8], [0.6, 0.6], [1.0, 0.55]])
PREDICTIONS = np.array([[1, 2], [0, 0], [2, 1], [0, 1]])
LABELS = np.array([2, 0, 1, 1])
RIGHT = [[False, True], [True, True], [False, True], [False, True]]
PAIRS = np.stack([CONFIDENCES, PREDICTIONS], 2).reshape(4, 4)
ROWS = np.c_[PAIRS, LABELS]


def text(rows, head="", between=","):
    lines = [between.join(f"{value:g}" for value in row) for row in rows]
    return "\n".join([head] * bool(head) + lines) + "\n"


def quoted(content, between=","):
    """A text with each of its cells between quotation marks, as some programs write them."""
    lines = content.splitlines()
    return "\n".join(between.join(f'"{cell}"' for cell in line.split(between)) for line in lines) + "\n"


def written(tmp_path, content, name="m.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def arrays(tmp_path, **content):
    path = tmp_path / "m.npz"
    np.savez(path, **content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        text(ROWS),
        text(ROWS, between="\t"),
        text(ROWS, between=";"),
        text(ROWS).replace("\n", "\r\n"),
        "\ufeff" + text(ROWS),
        quoted(text(ROWS)),
        quoted(text(ROWS, between="\t"), "\t"),
        quoted(text(ROWS, "conf 1,pred 1,conf 2,pred 2,label")),
        text(ROWS, between=";").replace(".", ","),
        text(ROWS, "conf 1;pred 1;conf 2;pred 2;label", ";").replace(".", ","),
        quoted(text(ROWS, between=";").replace(".", ","), ";").replace(";", ","),
        text(ROWS, '"conf, 1","pred, 1","conf, 2","pred, 2",label'),
        text(np.c_[np.arange(4), ROWS]),
        text(np.c_[np.arange(4), ROWS], ",conf_1,pred_1,conf_2,pred_2,label"),
        text(ROWS, "conf_branch_1,infered_class_1,conf_branch_2,infered_class_2,target"),
        text(ROWS, '"Confidence 1","Predicted label 1","Confidence 2","Predicted label 2","y"'),
        text(np.c_[LABELS, CONFIDENCES, PREDICTIONS], "true_class,prob_0,prob_1,class_0,class_1"),
        text(ROWS[:, [4, 2, 3, 0, 1]], "label,conf_10,pred_10,conf_9,pred_9"),
        text(ROWS[:, [0, 2, 3, 1, 4]], "conf_1,conf_2,pred_2,pred_1,label"),
    ],
)
def test_a_csv_is_read_with_or_without_heads_and_row_numbers(tmp_path, content):
    stream, trace = read_stream(written(tmp_path, content))
    assert trace is None
    assert np.array_equal(stream.confidences, CONFIDENCES)
    assert stream.right.tolist() == RIGHT


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("samples", [1, 2])
def test_row_numbers_of_one_or_two_samples_are_known_by_what_stands_behind_them(tmp_path, start, samples):
    numbered = np.c_[np.arange(samples) + start, ROWS[:samples]]
    stream, _ = read_stream(written(tmp_path, text(numbered)))
    assert np.array_equal(stream.confidences, CONFIDENCES[:samples])
    with pytest.raises(SeesawError, match=r"the first of row numbers.* the label is missing"):
        read_stream(written(tmp_path, text(numbered[:, :-1])))


def test_confidences_of_0_and_1_are_no_row_numbers(tmp_path):
    stream, _ = read_stream(written(tmp_path, "0,1,0\n1,0,0\n"))
    assert stream.confidences.tolist() == [[0], [1]]


def test_one_exit_and_one_sample_are_a_stream(tmp_path):
    stream, _ = read_stream(written(tmp_path, "0.25,1,1\n"))
    assert stream.confidences.tolist() == [[0.25]]
    assert stream.right.tolist() == [[True]]


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (text(PAIRS), "has 4 columns.* the label is missing"),
        (text(np.c_[np.arange(4), PAIRS]), "the first of row numbers.* the label is missing"),
        (text(PAIRS, "conf_0,pred_0,conf_1,pred_1"), "0 of labels"),
        (text(CONFIDENCES, "conf_0,label"), "0 of predictions"),
        (text(ROWS, "conf_0,pred_1,conf_1,pred_2,label"), "Number the exits alike, each once"),
        (text(ROWS, "conf_1,pred_1,conf_1,pred_1,label"), "Number the exits alike, each once"),
        (text(ROWS, "conf,pred,conf_1,pred_1,label"), "Number the exits alike, each once"),
        (text(ROWS, "conf_0,pred_0,conf_1,pred_1,wisdom"), "column 'wisdom'"),
        (text(np.c_[PREDICTIONS, CONFIDENCES, LABELS]), "no class's whole number|not from 0 to 1"),
        (text(ROWS * [100, 1, 100, 1, 1]), "4 confidences|confidences are not from 0 to 1"),
        (text(ROWS).replace("0.9", "nan"), "sample 0 at exit 1"),
        (text(ROWS).replace("0.55,1,1", "0.55,1,nan"), "a label that is no class"),
        (text(ROWS).replace("0.55,1,1", "0.55,1"), "no table of numbers"),
        (text(ROWS).replace("0.55", "high"), "no table of numbers .*'high'"),
        (quoted(text(ROWS)).replace("0.55", "1,234.5"), "no table of numbers .*1,234.5"),
        (
            quoted(text(ROWS, between=";").replace(".", ","), ";")
            .replace(";", ",")
            .replace('"2"', '"1,000"'),
            "no table of numbers",
        ),
        (text(ROWS).replace("0.55", '"0.55'), "no table of numbers|do not fit|column"),
        ("", "no samples|no table"),
        ("conf,pred,label\n", "no samples"),
        (b"\xff\xfe\x00junk", "no table of numbers"),
        ("1\n", "the label is missing"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_csv_that_is_no_stream_is_a_sentence(tmp_path, content, hint):
    with pytest.raises(SeesawError, match=hint):
        read_stream(written(tmp_path, content))


def test_an_npz_of_confidences_is_a_stream_and_one_of_logits_a_trace_too(tmp_path):
    stream, trace = read_stream(
        arrays(
            tmp_path, confidences=CONFIDENCES, predictions=PREDICTIONS, labels=LABELS, costs=[1, 4], more=[7]
        )
    )
    assert trace is None
    assert stream.right.tolist() == RIGHT
    assert stream.arms(costs="measured").depths.tolist() == [0.5, 2]
    logits = np.random.default_rng(0).standard_normal((2, 4, 3)).astype(np.float32)
    stream, trace = read_stream(arrays(tmp_path, logits=logits, labels=LABELS))
    assert np.array_equal(trace.logits, logits)
    assert trace.costs.tolist() == [1, 2]
    assert np.array_equal(stream.right, (logits.argmax(2) == LABELS).T)


def test_a_runs_trace_is_found_by_its_folder(tmp_path):
    made = Trace(torch.randn(2, 5, 3), torch.arange(5) % 3, torch.tensor([1.0, 2.0], dtype=torch.float64))
    made.save(tmp_path / "test.safetensors")
    for path in (tmp_path, tmp_path / "test.safetensors"):
        stream, trace = read_stream(path)
        assert torch.equal(trace.logits, made.logits)
        assert len(stream) == 5


LOGITS = np.zeros((2, 4, 3))


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ({"confidences": CONFIDENCES, "predictions": PREDICTIONS}, "only confidences, predictions"),
        ({"x": LABELS}, "only x"),
        ({"confidences": CONFIDENCES.T, "predictions": PREDICTIONS, "labels": LABELS}, "do not fit"),
        ({"confidences": CONFIDENCES, "predictions": PREDICTIONS, "labels": LABELS[:3]}, "do not fit"),
        (
            {"confidences": CONFIDENCES, "predictions": PREDICTIONS + 0.5, "labels": LABELS},
            "a prediction that is no",
        ),
        (
            {"confidences": CONFIDENCES, "predictions": PREDICTIONS, "labels": LABELS.astype(str)},
            "that are no numbers",
        ),
        ({"logits": LOGITS[0], "labels": LABELS}, "has logits"),
        ({"logits": LOGITS.transpose(1, 0, 2), "labels": LABELS}, "has logits"),
        ({"logits": LOGITS + np.nan, "labels": LABELS}, "NaN logits"),
        ({"logits": LOGITS, "labels": LABELS, "costs": [1.0]}, "costs that are not 2 finite numbers"),
        ({"logits": LOGITS, "labels": LABELS, "costs": [1.0, np.nan]}, "costs that are not 2 finite numbers"),
        (
            {"logits": LOGITS, "labels": LABELS, "costs": [2.0, 1.0]},
            "each above 0 and none less than the one before",
        ),
        ({"logits": LOGITS, "labels": LABELS + 2}, "labels from 2 to 4 for 3 classes"),
        ({"logits": LOGITS, "labels": LABELS - 1}, "labels from -1 to 1 for 3 classes"),
        ({"logits": LOGITS[..., :1], "labels": LABELS * 0}, "has logits"),
    ],
)
def test_an_npz_that_is_no_stream_is_a_sentence(tmp_path, content, hint):
    with pytest.raises(SeesawError, match=hint):
        read_stream(arrays(tmp_path, **content))


def test_exits_may_cost_the_same(tmp_path):
    trace = read_stream(arrays(tmp_path, logits=LOGITS, labels=LABELS * 0, costs=[3, 3]))[1]
    assert trace.costs.tolist() == [3, 3]


def test_a_damaged_npz_is_a_sentence(tmp_path):
    path = tmp_path / "m.npz"
    np.savez_compressed(
        path, confidences=np.random.rand(50, 2), predictions=np.zeros((50, 2)), labels=np.zeros(50)
    )
    data = bytearray(path.read_bytes())
    data[60:300] = bytes(240)
    path.write_bytes(data)
    with pytest.raises(SeesawError, match="is no npz of plain arrays"):
        read_stream(path)


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


def test_a_pickle_in_an_npz_is_refused_and_not_run(tmp_path):
    kept = np.empty(1, object)
    kept[0] = Trap()
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    path = tmp_path / "m.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("labels.npy", stream.getvalue() + pickle.dumps(kept))
    with pytest.raises(SeesawError, match="no npz of plain arrays"):
        read_stream(path)


def test_what_unpacks_to_too_much_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "m.npz"
    np.savez_compressed(path, logits=np.zeros((2, 500, 10)), labels=np.zeros(500, np.int64))
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(matrix, "LIMIT", 10_000)
    with pytest.raises(SeesawError, match="may be in memory"):
        read_stream(path)


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("m.npz", b"junk", "no npz of plain arrays"),
        ("m.safetensors", b"junk", "no whole trace"),
        ("m.pkl", b"junk", "is no trace"),
    ],
)
def test_another_file_is_a_sentence(tmp_path, name, content, hint):
    with pytest.raises(SeesawError, match=hint):
        read_stream(written(tmp_path, content, name))
    with pytest.raises(SeesawError, match=r"no file|is no trace"):
        read_stream(tmp_path / f"other-{name}")


def test_too_large_a_file_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(matrix, "LIMIT", 10)
    with pytest.raises(SeesawError, match="may be repeated"):
        read_stream(written(tmp_path, text(ROWS)))


def test_an_array_whose_name_was_mistaken_is_named(tmp_path):
    path = tmp_path / "m.npz"
    np.savez(path, logits=np.zeros((2, 3, 4)), labels=np.zeros(3, np.int64), cost=np.ones(2), ids=np.ones(3))
    with pytest.raises(SeesawError, match="an array 'cost', and none 'costs'"):
        read_stream(path)


def test_endings_in_capitals_are_endings(tmp_path):
    (tmp_path / "M.CSV").write_text("0.9,1,1\n0.8,0,1\n")
    assert read_stream(tmp_path / "M.CSV")[0].right[:, 0].tolist() == [True, False]


def test_exits_that_are_named_in_words_are_paired_by_them(tmp_path):
    rows = "0.9,0.6,0,1,1\n0.8,0.7,1,1,1\n"
    (tmp_path / "m.csv").write_text("conf early,conf late,pred late,pred early,label\n" + rows)
    assert read_stream(tmp_path / "m.csv")[0].right.tolist() == [[True, False], [True, True]]
    (tmp_path / "m.csv").write_text("conf early,conf late,pred late,pred middle,label\n" + rows)
    with pytest.raises(SeesawError, match="Name the exits alike"):
        read_stream(tmp_path / "m.csv")


def test_a_column_without_a_head_is_not_dropped(tmp_path):
    (tmp_path / "m.csv").write_text("conf,pred,label\n0.9,1,1,5\n0.8,0,1,5\n")
    with pytest.raises(SeesawError, match="3 heads for 4 columns"):
        read_stream(tmp_path / "m.csv")


def test_nobody_invents_what_the_exits_of_a_file_cost(tmp_path):
    np.savez(tmp_path / "m.npz", logits=LOGITS, labels=LABELS)
    stream, trace = read_stream(tmp_path / "m.npz")
    assert stream.costs is None
    assert trace is not None
    with pytest.raises(SeesawError, match="Nobody measured what these exits cost"):
        stream.arms("exits", "measured")


def test_a_safetensors_without_costs_is_what_an_npz_without_them_is(tmp_path):
    logits, labels = np.random.default_rng(0).normal(size=(2, 4, 3)), LABELS
    save_file({"logits": torch.tensor(logits), "labels": torch.tensor(labels)}, tmp_path / "m.safetensors")
    one, _ = read_stream(tmp_path / "m.safetensors")
    other, _ = read_stream(arrays(tmp_path, logits=logits, labels=labels))
    assert one.costs is None
    assert other.costs is None
    assert np.array_equal(one.right, other.right)
    with pytest.raises(SeesawError, match="does not say what its exits cost"):
        Trace.load(tmp_path / "m.safetensors")


@pytest.mark.parametrize("matrix", ["logits", "confidences"])
def test_numbers_of_more_than_64_bits_are_read(tmp_path, matrix):
    content = {
        "logits": {"logits": np.random.default_rng(0).normal(size=(2, 4, 3))},
        "confidences": {"confidences": CONFIDENCES, "predictions": PREDICTIONS},
    }[matrix]
    wide = {name: array.astype(np.longdouble) for name, array in content.items()}
    stream, _ = read_stream(arrays(tmp_path, **content, labels=LABELS))
    assert np.array_equal(
        read_stream(arrays(tmp_path, **wide, labels=LABELS.astype(np.longdouble)))[0].right, stream.right
    )


@pytest.mark.parametrize(
    ("which", "value"), [("labels", -1), ("predictions", -1), ("predictions", 1e300), ("labels", 1 << 60)]
)
def test_a_number_that_no_class_has_is_a_sentence_and_never_a_wrong_answer(tmp_path, which, value):
    content = {"confidences": CONFIDENCES, "predictions": PREDICTIONS * 1.0, "labels": LABELS * 1.0}
    content[which].flat[0] = value
    with pytest.raises(SeesawError, match=f"has {which} from .* Number the classes from 0 on"):
        read_stream(arrays(tmp_path, **content))


def test_logits_beside_confidences_are_one_too_many(tmp_path):
    path = arrays(tmp_path, logits=np.zeros((2, 4, 3)), labels=LABELS, confidences=CONFIDENCES)
    with pytest.raises(SeesawError, match="has logits, and confidences besides"):
        read_stream(path)
