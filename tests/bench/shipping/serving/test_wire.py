"""What crosses the network, as bytes.

Covers: bench/shipping/serving/seesaw_pb2.py
"""

import importlib.resources
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from google.protobuf import descriptor_pb2
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from bench import SeesawError
from bench.shipping.serving import seesaw_pb2
from bench.shipping.serving.wire import (
    Answered,
    answer,
    question,
    read_answer,
    read_description,
    read_question,
)

TOP = Path(seesaw_pb2.__file__).parents[3]


def test_the_module_is_what_the_proto_says(tmp_path):
    there = importlib.resources.files("grpc_tools") / "_proto"
    source = "bench/shipping/serving/seesaw.proto"
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{TOP}", f"-I{there}", f"--descriptor_set_out={tmp_path / 'set'}", source],
        check=True, cwd=TOP,
    )  # fmt: skip
    (file,) = descriptor_pb2.FileDescriptorSet.FromString((tmp_path / "set").read_bytes()).file
    for message in file.message_type:
        for field in message.field:
            field.ClearField("json_name")  # which the generated module leaves out
    assert file == descriptor_pb2.FileDescriptorProto.FromString(seesaw_pb2.DESCRIPTOR.serialized_pb)


def test_questions_and_answers_come_back():
    asked = read_question(question(2**63, ("abc", 7), b"\0frames"))
    assert (asked.id, asked.record, asked.cut, asked.message) == (2**63, "abc", 7, b"\0frames")
    logits = torch.tensor([1.5, -2.0, 3.25])
    got = read_answer(answer(Answered(5, logits, 0.25, 0.5, 4)), 3)
    assert torch.equal(got.logits, logits)
    assert got._replace(logits=None) == Answered(5, None, 0.25, 0.5, 4)


def test_answers_of_another_network_are_refused():
    with pytest.raises(SeesawError, match="12 bytes of logits, and 4 classes take 16"):
        read_answer(answer(Answered(5, torch.zeros(3))), 4)


def test_a_refusal_is_short_and_holds_no_control_characters():
    got = read_answer(answer(Answered(5, None, refused="no\x1b[31m " + "x" * 5000)), 4)
    assert got.logits is None
    assert got.refused.startswith("no [31m x")
    assert len(got.refused) == 1000


def test_another_version_is_a_sentence():
    other = seesaw_pb2.Description(version=2).SerializeToString()
    with pytest.raises(SeesawError, match="speaks version 2, and this device 1"):
        read_description(other)


NUMBERS = st.sampled_from([0, 1, 127, 128, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1])


@given(st.data())
def test_a_question_is_read_as_protobuf_reads_it(data):
    key = data.draw(st.text(max_size=200)), data.draw(NUMBERS) % 2**32
    made = bytearray(question(data.draw(NUMBERS), key, data.draw(st.binary(max_size=300))))
    for _ in range(data.draw(st.integers(0, 2)) if made else 0):
        made[data.draw(st.integers(0, min(len(made), 20) - 1))] = data.draw(st.integers(0, 255))
    made = made[: data.draw(st.integers(0, len(made)))] if data.draw(st.booleans()) else made
    try:
        one = seesaw_pb2.Question.FromString(bytes(made))
    except DecodeError:
        with pytest.raises(SeesawError, match="no question"):
            read_question(bytes(made))
        return
    assert read_question(bytes(made)) == (one.id, one.record, one.cut, one.message)


def test_a_question_in_its_usual_order_is_not_copied_and_another_order_is_a_question_too():
    usual = question(5, ("abc", 7), b"frames")
    assert read_question(usual).message.obj is usual
    key, message = question(5, ("abc", 7), b""), question(0, ("", 0), b"frames")
    assert read_question(message + key) == read_question(usual)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    for read in (read_question, lambda one: read_answer(one, 10), read_description):
        with suppress(SeesawError):
            read(data)
