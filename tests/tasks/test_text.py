"""Text tasks on small files made here, in every layout that they are read from, whole and broken.

Covers: tasks/pairs.py, tasks/rows.py, tasks/sentiment.py, tasks/tokens.py
"""

import itertools
import json
import logging
import sys
from collections import Counter

import numpy as np
import pytest
import torch

from bench import SeesawError, Task
from bench.plugins.plugin import choose
from bench.testing import check_task
from tasks import tokens
from tasks.rows import FIRST, Layout, read


@pytest.fixture(autouse=True)
def _no_tokenizer_trained_before(monkeypatch):
    monkeypatch.setattr(tokens, "_trained", {})


NAMES = ["sst2", "imdb", "yelp", "mrpc", "qqp", "rte", "scitail", "snli"]


def task(spec):
    return choose(Task, spec).plugin


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def table(path, rows, mark="\t"):
    write(path, "".join(mark.join(row) + "\n" for row in rows))


def lines(path, rows):
    write(path, "".join(json.dumps(row) + "\n" for row in rows))


def words(root, spec, split="test"):
    """A split as words, decoded by the task's own tokenizer, with its labels."""
    one = task(spec)
    data = one.data(root, 0)
    backend = one._tokens(root, one._texts(root)[0]).backend
    part = getattr(data, split)
    return [backend.decode(row.tolist()).strip() for row in part.inputs], part.labels.tolist()


def test_plain_files_are_read(texts):
    check_task(task("sst2"), texts)
    data = task("sst2[length=16]").data(texts, 0)
    assert [len(s.labels) for s in (data.train, data.calibration, data.test)] == [120, 12, 24]
    assert data.test.inputs.shape == (24, 16)
    samples, labels = words(texts, "sst2")
    assert samples[:4] == ["a good film", "good plot", "it was fine , good", "a bad film"]
    assert labels[:4] == [1, 1, 1, 0]


def test_a_task_without_a_split_for_it_calibrates_on_part_of_the_training_texts(texts):
    data = task("mrpc[calibration=0.25]").data(texts, 0)
    assert [len(s.labels) for s in (data.train, data.calibration, data.test)] == [27, 9, 9]


def test_a_subset_is_a_setting(texts):
    data = task("sst2[train=30,test=7]").data(texts, 0)
    assert [len(s.labels) for s in (data.train, data.calibration, data.test)] == [30, 12, 7]


GLUE = {
    "sst2": ("SST-2", ["sentence", "label"], ["a \"film", "1"], ["dull", "0"]),
    "mrpc": ("MRPC", ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"], ["1", "7", "8", "one \"text", "two"]),
    "qqp": ("QQP", ["id", "qid1", "qid2", "question1", "question2", "is_duplicate"], ["0", "1", "2", "why ?", "how ?", "1"]),
    "rte": ("RTE", ["index", "sentence1", "sentence2", "label"], ["0", "it rains", "it is wet", "not_entailment"]),
}  # fmt: skip


@pytest.mark.parametrize("name", GLUE)
def test_glue_files_are_read(tmp_path, name):
    folder, *rows = GLUE[name]
    for split in ("train", "dev"):
        table(tmp_path / folder / f"{split}.tsv", [rows[0], *rows[1:] * 20])
    table(tmp_path / folder / "test.tsv", [["index", "sentence"], ["0", "has no label"]])
    data = task(name).data(tmp_path, 0)
    assert len(data.test.labels) == 20 * len(rows[1:])
    assert int(data.test.labels[0]) == 1


def test_the_other_official_files_are_read(tmp_path):
    quoted = '"1","so ""bad"", really\\nbad"\n"2","good, really"\n'
    for split in ("train", "test"):
        for number in range(12):
            write(tmp_path / "aclImdb" / split / "pos" / f"{number}_9.txt", "Good<br />film")
            write(tmp_path / "aclImdb" / split / "neg" / f"{number}_2.txt", "Dull")
        write(tmp_path / "yelp_review_polarity_csv" / f"{split}.csv", quoted * 12)
        table(
            tmp_path / "SciTailV1.1" / "tsv_format" / f"scitail_1.0_{split}.tsv",
            [["rain is wet", "water is wet", "entails"], ["rain is wet", "snow is hot", "neutral"]] * 12,
        )
        pairs = [
            {"gold_label": label, "sentence1": "a man", "sentence2": "a dog", "captionID": "3"}
            for label in ("contradiction", "neutral", "-", "entailment")
        ]
        lines(tmp_path / "snli_1.0" / f"snli_1.0_{split}.jsonl", pairs * 12)
        table(
            tmp_path / "MRPC" / f"msr_paraphrase_{split}.txt",
            [
                ["\ufeffQuality", "#1 ID", "#2 ID", "#1 String", "#2 String"],
                *[["1", "7", "8", "one", "two"]] * 12,
            ],
        )
    assert words(tmp_path, "imdb")[0][::12] == ["dull", "good film"]
    assert words(tmp_path, "imdb")[1][::12] == [0, 1]
    samples, labels = words(tmp_path, "yelp")
    assert (samples[:2], labels[:2]) == (['so " bad " , really bad', "good , really"], [0, 1])
    assert task("scitail").data(tmp_path, 0).test.labels[:2].tolist() == [0, 1]
    assert task("snli").data(tmp_path, 0).test.labels[:4].tolist() == [2, 1, 0, 2]
    assert task("mrpc").data(tmp_path, 0).test.labels.tolist() == [1] * 12


@pytest.mark.parametrize("end", ["jsonl", "tsv", "csv"])
def test_a_folder_of_ones_own_files_is_read(tmp_path, end):
    for split, count in (("train", 20), ("dev", 3), ("test", 5)):
        path = tmp_path / "rte" / f"{split}.{end}"
        rows = [["it rains", "it is wet", "1"], ["it rains", "it is dry", "0"]] * count
        if end == "jsonl":
            lines(path, [dict(zip(("premise", "hypothesis", "label"), row, strict=True)) for row in rows])
        else:
            table(path, [["premise", "hypothesis", "label"], *rows], "," if end == "csv" else "\t")
    data = task("rte").data(tmp_path, 0)
    assert [len(s.labels) for s in (data.train, data.calibration, data.test)] == [40, 6, 10]
    assert data.train.labels[:2].tolist() == [1, 0]


def test_a_stream_of_another_set_takes_the_place_of_the_test_split(texts):
    alone, streamed = task("sst2[length=12]"), task("sst2[length=12,stream=imdb]")
    own, other = alone.data(texts, 0), streamed.data(texts, 0)
    for split in ("train", "calibration"):
        assert torch.equal(getattr(own, split).inputs, getattr(other, split).inputs)
    samples, labels = words(texts, "sst2[stream=imdb,length=20]")
    assert samples[0] == "a good film so < b >"
    assert labels == ([1] * 3 + [0] * 3) * 3
    assert streamed.identity(texts)["train"] == alone.identity(texts)["train"]
    assert streamed.identity(texts)["test"] != alone.identity(texts)["test"]
    check_task(streamed, texts)


@pytest.mark.parametrize(
    ("spec", "hint"),
    [("sst2[stream=sst2]", "Leave stream out"), ("sst2[train=imdb]", r"say imdb\[stream=sst2\]")],
)
def test_a_stream_of_itself_and_a_task_to_train_on_are_sentences(texts, spec, hint):
    with pytest.raises(SeesawError, match=hint):
        task(spec).data(texts, 0)


def test_half_of_one_layout_hides_no_whole_other_one(texts, tmp_path):
    (tmp_path / "sst2").mkdir()
    for split in ("train", "test"):
        rows = "".join(f"{number} {split}\t{number % 2}\n" for number in range(8))
        (tmp_path / "sst2" / f"{split}.tsv").write_text("sentence\tlabel\n" + rows)
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "sst2_test.jsonl").write_text('{"text": "alone", "label": 1}\n')
    assert len(task("sst2[vocabulary=300]").data(tmp_path, 0).test.labels) == 8


def test_a_stream_of_other_classes_is_a_sentence(texts):
    for other in ("mrpc", "snli", "digits"):
        with pytest.raises(SeesawError, match=f"{other} has not the classes of sst2.* Stream another"):
            task(f"sst2[stream={other}]").data(texts, 0)
    with pytest.raises(SeesawError, match="Give its name alone"):
        task("sst2[stream=imdb[length=9]]").data(texts, 0)
    with pytest.raises(SeesawError, match="no task 'imbd'"):
        task("sst2[stream=imbd]").data(texts, 0)


@pytest.mark.parametrize("name", NAMES)
def test_absent_files_are_a_sentence_that_says_which_to_put_where(tmp_path, name):
    with pytest.raises(
        SeesawError, match=rf"train split of {name} is not below .*Put one of these .*SEESAW_DATA"
    ):
        task(name).data(tmp_path, 0)
    assert task(name).identity(tmp_path) == {}


def test_a_set_that_only_streams_says_what_it_lacks_for_training(texts):
    with pytest.raises(SeesawError, match=r"train split of imdb .*text/imdb_train.jsonl.*aclImdb/train"):
        task("imdb").data(texts, 0)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ('{"text": "good", "label": 1}\n{"text": "go', "cannot be read as text"),
        ('["good", 1]\n', "line 1 .*no JSON object"),
        ('{"text": "good", "label": 7}\n', "line 1: there is no class '7'. Labels are 0, negative"),
        ('{"text": "good", "label": 1}\n{"label": 1}\n', "line 2: there is no text"),
        ('{"text": "good"}\n', "there is no label"),
        ('{"text": "good", "label": -1}\n', "no labelled texts"),
        ("", "no labelled texts"),
    ],
)
def test_broken_files_are_a_sentence(texts, content, hint):
    write(texts / "text" / "sst2_train.jsonl", content)
    with pytest.raises(SeesawError, match=hint):
        task("sst2").data(texts, 0)


def test_a_pair_without_its_second_text_and_bytes_that_are_no_text_are_sentences(tmp_path):
    path = tmp_path / "a.jsonl"
    lines(path, [{"s1": "a", "label": 1}])
    with pytest.raises(SeesawError, match="there is no second text under any of s2"):
        read(path, Layout("a"), {"1": 1}, pairs=True)
    path.write_bytes(b'{"text": "caf\xe9", "label": 1}\n')
    with pytest.raises(SeesawError, match="cannot be read as text"):
        read(path, Layout("a"), {"1": 1}, pairs=False)


@pytest.mark.parametrize(("cut", "sound"), [(2, True), (17, False)])
def test_a_few_rows_that_are_cut_short_are_left_out_of_the_official_file_and_told(
    tmp_path, caplog, cut, sound
):
    (tmp_path / "QQP").mkdir()
    rows = [f"{number}\t1\t2\twhy {number} ?\thow ?\t{number % 2}" for number in range(8)]
    rows[3:3] = ["9\t1\t2\tcut"] * cut
    for split in ("train", "dev"):
        head = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
        (tmp_path / "QQP" / f"{split}.tsv").write_text(head + "\n".join(rows))
    if sound:
        assert len(task("qqp[vocabulary=300]").data(tmp_path, 0).test.labels) == 8
        assert "line 5, line 6 do not fit the columns" in caplog.text
    else:
        with pytest.raises(SeesawError, match=r"line 5 has fewer fields \(4\)"):
            task("qqp[vocabulary=300]").data(tmp_path, 0)


def test_a_text_column_may_have_any_of_its_usual_names(tmp_path):
    for name in FIRST:
        lines(tmp_path / f"{name}.jsonl", [{name: "here", "label": 0}])
        assert read(tmp_path / f"{name}.jsonl", Layout(""), {"0": 0}, pairs=False).first == ("here",)


def test_tokens_frame_one_text_or_two_and_cut_the_longer_first(texts):
    data = task("mrpc[length=64]").data(texts, 0)
    row = data.train.inputs[0].tolist()
    used = row[: len(row) - row[::-1].index(2)]
    assert used[0] == 1
    assert used.count(2) == 2
    assert not any(row[len(used) :])
    backend = tokens.trained(["a b c d e f g h"], 300, texts, "t").backend
    ids = tokens.Tokens(backend, 300).ids(["a b c d e f g h"], ["a b"], 8)[0].tolist()
    left, right = ids[1 : ids.index(2)], ids[ids.index(2) + 1 : -1]
    assert (backend.decode(left).strip(), backend.decode(right).strip()) == ("a b c", "a b")
    ids = tokens.Tokens(backend, 300).ids(["a b"], ["a b c d e f g h"], 8)[0].tolist()
    assert backend.decode(ids[1 : ids.index(2)]).strip() == "a b"


def test_case_and_spaces_around_marks_make_no_other_tokens(texts):
    ids = tokens.trained(["it was fine , so"] * 9, 400, texts, "t").ids(
        ["It was fine, so", "it was fine , so"], None, 30
    )
    assert torch.equal(ids[0], ids[1])


def test_nothing_is_unknown(texts):
    text = "naïve 日本 🙂"
    made = tokens.trained(["a b"], 300, texts, "t")
    assert made.backend.decode(made.ids([text], None, 60)[0].tolist()).strip() == text


def test_many_ids_take_four_bytes_each():
    class Backend:
        def no_padding(self): ...
        def enable_truncation(self, *words, **more): ...
        def no_truncation(self): ...
        def encode_batch(self, texts):
            return [type("Encoding", (), {"ids": [1, 40_000]}) for _ in texts]

    assert tokens.Tokens(Backend(), 1 << 15).ids([], None, 3).dtype == torch.int16
    ids = tokens.Tokens(Backend(), 50_000).ids(["a"] * 20_001, None, 3)
    assert ids.dtype == torch.int32
    assert ids.unique(dim=0).tolist() == [[1, 40_000, 0]]


def test_a_tokenizer_is_trained_once_and_kept_beside_the_texts(texts, monkeypatch):
    before = task("sst2").identity(texts)
    assert len(list((texts / "text").glob("sst2-tokens-*.json"))) == 1
    inputs = task("sst2").data(texts, 0).test.inputs
    monkeypatch.setattr(tokens, "_trained", {})
    monkeypatch.setattr(tokens, "_train", None)
    assert task("sst2").identity(texts) == before
    assert torch.equal(task("sst2").data(texts, 0).test.inputs, inputs)


def test_a_kept_tokenizer_that_is_not_whole_is_trained_anew(texts, monkeypatch):
    before = task("sst2").identity(texts)
    (path,) = (texts / "text").glob("sst2-tokens-*.json")
    whole = path.read_text()
    path.write_text(whole[:500])
    monkeypatch.setattr(tokens, "_trained", {})
    assert task("sst2").identity(texts) == before
    assert path.read_text() == whole


def test_other_settings_or_other_texts_make_another_tokenizer(texts):
    for spec in ("sst2", "sst2[vocabulary=300]", "sst2[train=20]"):
        task(spec).data(texts, 0)
    assert len(list((texts / "text").glob("sst2-tokens-*.json"))) == 3
    assert task("sst2[vocabulary=300]").about().sample.vocabulary == 300


def joined(word, pair):
    """A word with a pair made one wherever it stands, from the left."""
    out, rest = [], list(word)
    while rest:
        size = 2 if tuple(rest[:2]) == pair else 1
        out.append("".join(rest[:size]))
        rest = rest[size:]
    return tuple(out)


def byte_pairs(texts, count):
    """The first merges, by counting pairs anew for each: the most frequent, of equals the one of the earliest tokens."""
    ranks = sorted(tokens.tokenizers().pre_tokenizers.ByteLevel.alphabet())
    spelt = [("Ġ", *word) for text in texts for word in text.split()]
    merges = []
    for _ in range(count):
        pairs = Counter(pair for word in spelt for pair in itertools.pairwise(word))
        best = min(pairs, key=lambda pair: (-pairs[pair], ranks.index(pair[0]), ranks.index(pair[1])))
        merges.append(list(best))
        ranks.append("".join(best))
        spelt = [joined(word, best) for word in spelt]
    return merges


def test_merges_are_those_that_counting_every_pair_anew_gives():
    rng = np.random.default_rng(0)
    texts = [
        " ".join("".join(rng.choice(list("abcd"), rng.integers(1, 6))) for _ in range(9)) for _ in range(30)
    ]
    merges = json.loads(tokens._train(texts, tokens.LEAST + 60).to_str())["model"]["merges"]
    assert merges == byte_pairs(texts, 60)


def test_a_folder_that_cannot_be_written_trains_all_the_same(texts, monkeypatch):
    def full(*paths):
        raise OSError("read-only")

    monkeypatch.setattr("os.replace", full)
    assert len(task("sst2").data(texts, 0).test.labels) == 24
    assert not list((texts / "text").glob("sst2-tokens-*.json"))


def test_a_library_that_is_not_there_is_a_sentence(texts, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(SeesawError, match=r"pip install 'seesaw-bench\[text\]'"):
        task("sst2").data(texts, 0)


def test_changed_texts_are_other_data_and_the_same_texts_in_another_file_are_not(texts, tmp_path):
    before = task("sst2").identity(texts)
    for name, split in (("train", "train"), ("dev", "dev"), ("test_labelled", "test")):
        rows = [json.loads(line) for line in (texts / "text" / f"sst2_{name}.jsonl").read_text().splitlines()]
        table(
            tmp_path / "other" / "sst2" / f"{split}.tsv",
            [["label", "text"], *([str(row["label"]), row["text"]] for row in rows)],
        )
    assert task("sst2").identity(tmp_path / "other") == before
    path = texts / "text" / "sst2_train.jsonl"
    path.write_text(path.read_text().replace("dull", "poor", 1))
    assert task("sst2").identity(texts) != before


def test_labels_are_spread_over_both_classes(texts):
    assert np.bincount(task("sst2").data(texts, 0).train.labels.numpy()).tolist() == [60, 60]


def texts_of(path, *, pairs=False):
    return read(path, Layout(""), {"neg": 0, "0": 0, "pos": 1, "1": 1}, pairs=pairs)


def test_folders_of_texts_lose_nothing_without_a_word(tmp_path, caplog):
    for name in (
        "Pos/a.txt",
        "neg/b.TXT",
        "neg/c.md",
        "neg/more/d.txt",
        "positive/e.txt",
        "unsup/f.txt",
        "neg/.g.txt",
    ):
        write(tmp_path / name, "fine")
    write(tmp_path / "stray.txt", "fine")
    with caplog.at_level(logging.WARNING):
        assert texts_of(tmp_path).labels.tolist() == [0, 1]
    assert "what is no text of a class is left out, 4 in all" in caplog.text
    assert "neg/c.md, neg/more, positive, ..." in caplog.text
    (tmp_path / "neg" / "h.txt").write_bytes(b"\xe4")
    with pytest.raises(SeesawError, match=r"h\.txt cannot be read as text .* Save it as UTF-8"):
        texts_of(tmp_path)


def test_rows_without_a_label_and_classes_without_a_row_are_said(tmp_path, caplog):
    write(tmp_path / "a.csv", "text,label\none,1\ntwo,\nthree,-1\n")
    with caplog.at_level(logging.WARNING):
        assert texts_of(tmp_path / "a.csv").labels.tolist() == [1]
    assert "rows without a label are left out, 2 of them" in caplog.text
    assert "has no text that is labelled neg or 0" in caplog.text


@pytest.mark.parametrize(
    ("head", "pairs", "hint"),
    [
        ("text,sentence,label", False, "may be the text, text and sentence"),
        ("text,label,sentiment", False, "may be the label, label and sentiment"),
        ("sentence1,sentence2,label", False, "second text, sentence2, and this task takes one"),
        ("s1,s2,label,hypothesis", True, "may be the second text, s2 and hypothesis"),
    ],
)
def test_a_column_that_may_be_meant_is_not_passed_over(tmp_path, head, pairs, hint):
    write(tmp_path / "a.csv", f"{head}\n{','.join('1' * (head.count(',') + 1))}\n")
    with pytest.raises(SeesawError, match=hint):
        texts_of(tmp_path / "a.csv", pairs=pairs)
