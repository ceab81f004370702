"""Numbers in JSON of strangers: none that is too long or too large is read, usual ones are read without a look at each."""

import json

import pytest

from bench.records import bounded


@pytest.mark.parametrize(
    "number",
    ["1152921504606846977", "-1152921504606846977", "1e31", "1E+31", "0." + "1" * 39, "1" * 17 + "." + "2" * 23 + "e-5",
     "9" * 31 + ".5", "1" + "0" * 40, "1e-" + "0" * 40 + "1"],
)  # fmt: skip
def test_no_number_escapes_the_look_at_each_that_is_doubtful(number):
    for text in (
        number,
        f"[0.5, {number}]",
        f'{{"a": {number}}}',
        f'{{"a":{number}}}',
        f"[\n{number}\r\n]",
        f"[0,{number}]",
        f"[\t{number}]",
    ):
        with pytest.raises(ValueError, match="is no number that a record can hold"):
            bounded.bounded(text.encode())


@pytest.mark.parametrize(
    "number", ["0.00012345678901234567", "1.2345678901234567e-05", "123456789012345678", "-0.1"]
)
def test_usual_numbers_are_read_without_a_look_at_each(number, monkeypatch):
    monkeypatch.setattr(bounded, "DIGITS", 0)
    assert bounded.bounded(f"[{number}]".encode()) == [json.loads(number)]


@pytest.mark.parametrize("word", ["e404c40", "2d1e73a", "73e1100", "c0" * 40 + "1e99"])
def test_digits_and_exponents_of_digests_are_no_numbers(word, monkeypatch):
    monkeypatch.setattr(bounded, "DIGITS", 0)
    assert bounded.bounded(f'["{word}", 0.5]'.encode()) == [word, 0.5]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-32-be", "utf-8-sig"])
def test_a_text_in_another_encoding_is_no_file_of_ours(encoding):
    for text in ('{"a": 1e300}', '{"a": ' + "9" * 1000 + "}", '{"a": 0.5}'):
        with pytest.raises(ValueError, match=r"codec|Expecting|BOM|Extra"):
            bounded.bounded(text.encode(encoding))


@pytest.mark.parametrize("word", ["a1e10", "a1e-100", "a1e+10"])
def test_many_exponents_in_words_end_in_a_look_at_each_number(word):
    text = f'["{word * 5000}", 1e40]'
    with pytest.raises(ValueError, match="is no number that a record can hold"):
        bounded.bounded(text.encode())


def test_digits_that_go_on_far_before_an_exponent_are_looked_at():
    number = "0." + "1" * 30 + "0" * 40 + "e10"
    with pytest.raises(ValueError, match="is no number that a record can hold"):
        bounded.bounded(f"[{number}]".encode())
