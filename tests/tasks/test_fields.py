"""Files of texts whose rows are bent: each is a sentence that names the line, and no text is cut without a word."""

import json
import re

import pytest

from bench import SeesawError
from tasks import fields
from tasks.rows import Layout, read

WORDS = {"0": 0, "1": 1}


def texts(path, content):
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    return read(path, Layout(""), WORDS, pairs=False)


@pytest.mark.parametrize(
    ("end", "content", "fault", "mend"),
    [
        ("csv", "text,label\ngood,1\nso, so,1\n", r"line 3 has more fields \(3\) .*text, label", "quotation"),
        ("csv", "label,text\n1,good, really\n", "line 2 has more fields .*a comma in a text", "quotation"),
        ("csv", "label,text\n1,good,\n", "line 2 has more fields", "quotation marks"),
        ("csv", 'label,text\n1,"a\nb"\n0,c,d\n', "line 4 has more fields", "quotation marks"),
        ("csv", "label,text,id\n1,good\n", "line 2 has fewer fields", "quotation marks"),
        ("tsv", "label\ttext\n1\tgood\treally\n", "line 2 has more fields .*a tab", "Write a space"),
        ("tsv", "label\ttext\tid\n1\tgood\n", "line 2 has fewer fields .*a line break", "Write a space"),
        ("csv", 'label,text\n1,"good" film\n', "line 2 .*quotation marks are not in pairs", "double those"),
        ("csv", 'label,text\n1,"good\n0,bad\n', "line 2 .*quotation marks are not in pairs", "double those"),
        ("csv", "text,label,text\na,1,b\n", "two columns 'text'", "a name of its own"),
        ("jsonl", '\n{"text": "a", "text": "b", "label": 1}', "line 2 .*'text' twice", "one whole JSON object"),
        ("jsonl", '{"text": "a", "label": 1}\n[[', "line 2 .*Expecting value", "one whole JSON object"),
        ("jsonl", "[" * 100_000, "line 1 .*nested too deeply", "one whole JSON object"),
        ("jsonl", '{"text": "a\\ud800", "label": 1}', r"line 1: the text has '\\ud800'", "Write both halves"),
        ("jsonl", '{"text": ["a"], "label": 1}', r'line 1: the text is \["a"\]', "between quotation marks"),
        ("jsonl", '{"text": true, "label": 1}', "line 1: the text is true", "between quotation marks"),
    ],
)  # fmt: skip
def test_a_row_that_would_lose_something_is_a_sentence_that_names_its_line(
    tmp_path, end, content, fault, mend
):
    with pytest.raises(SeesawError, match=f"(?s)({fault}).*{mend}"):
        texts(tmp_path / f"a.{end}", content)


def test_commas_tabs_quotation_marks_and_line_breaks_stay_in_their_text(tmp_path):
    table = 'label,text\n1,"so, so"\n\n0,"so ""so"""\n1,"so\nso"\n0,it\'s 5" long\n'
    assert texts(tmp_path / "a.csv", table).first == ("so, so", 'so "so"', "so\nso", "it's 5\" long")
    assert texts(tmp_path / "a.tsv", 'label\ttext\n1\t"so, "so\n').first == ('"so, "so',)
    rows = "".join(json.dumps({"text": one, "label": 1}) + "\n" for one in ("a\tb", "\U0001f642", 1984))
    assert texts(tmp_path / "a.jsonl", rows).first == ("a\tb", "\U0001f642", "1984")
    assert texts(tmp_path / "A.CSV", table).first == texts(tmp_path / "a.csv", table).first
    assert texts(tmp_path / "A.JSONL", rows).first == texts(tmp_path / "a.jsonl", rows).first


def test_a_table_without_names_for_some_columns_is_read(tmp_path):
    assert texts(tmp_path / "a.csv", ",text,label,\n7,good,1,\n").first == ("good",)


def test_long_texts_are_read_up_to_a_bound_that_is_stated(tmp_path, monkeypatch):
    long = "x" * 200_000
    assert texts(tmp_path / "a.csv", f"text,label\n{long},1\n").first == (long,)
    assert texts(tmp_path / "a.tsv", f"text\tlabel\n{long}\t1\n").first == (long,)
    monkeypatch.setattr(fields, "MOST", 150_000)
    for end, mark in (("csv", ","), ("tsv", "\t")):
        with pytest.raises(SeesawError, match=r"line 3 .*more than 150,000 characters.* shorten the text"):
            texts(tmp_path / f"b.{end}", f"text{mark}label\na{mark}1\n{long}{mark}1\n")


def test_what_a_system_leaves_in_a_folder_of_texts_is_no_text(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "a.txt").write_text("\ufeffgood", encoding="utf-8")
    (tmp_path / "1" / "._a.txt").write_bytes(b"\x00\x05\x16\x07\xff")
    assert read(tmp_path, Layout(""), WORDS, pairs=False).first == ("good",)


@pytest.mark.parametrize(
    ("end", "content", "places"),
    [
        ("csv", 'text,label\ngood,1\n,0\n"  ",1\n', r"2 texts are empty \(line 3, line 4\)"),
        ("tsv", "label\ttext\n1\tgood\n0\t\n", r"1 texts are empty \(line 3\)"),
        (
            "jsonl",
            '{"text": "a", "label": 1}\n{"text": "<br />", "label": 0}',
            r"1 texts are empty \(line 2\)",
        ),
    ],
)
def test_empty_texts_are_kept_and_named(tmp_path, caplog, end, content, places):
    found = texts(tmp_path / f"a.{end}", content)
    assert len(found.first) == len(found.labels) == len(content.strip().splitlines()) - (end != "jsonl")
    assert re.search(f"{places}, and are kept", caplog.text)


def test_a_pair_with_an_empty_half_and_an_empty_file_of_a_folder_are_named(tmp_path, caplog):
    (tmp_path / "a.csv").write_text("premise,hypothesis,label\na,b,1\na,,0\n")
    read(tmp_path / "a.csv", Layout(""), WORDS, pairs=True)
    for word, text in (("0", ""), ("1", "good")):
        (tmp_path / "all" / word).mkdir(parents=True)
        (tmp_path / "all" / word / "x.txt").write_text(text)
    read(tmp_path / "all", Layout(""), WORDS, pairs=False)
    assert "1 texts are empty (line 3)" in caplog.text
    assert "1 texts are empty (0/x.txt)" in caplog.text


def test_a_file_of_labels_alone_is_a_sentence(tmp_path):
    with pytest.raises(SeesawError, match=r"holds labels alone: all of its 2 texts are empty\. Put a file"):
        texts(tmp_path / "a.csv", "text,label\n,1\n,0\n")
