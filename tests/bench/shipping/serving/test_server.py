"""A server asked rightly, wrongly, by strangers and by many at once.

Covers: bench/shipping/serving/batches.py, bench/shipping/serving/metrics.py, bench/shipping/serving/questions.py,
    bench/shipping/serving/security.py, bench/shipping/serving/served.py
"""

import asyncio
import json
import random
import shutil
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import torch
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from bench import SeesawError
from bench.kinds.frame import read_frames
from bench.kinds.sending import messages_of
from bench.shipping.serving.batches import Batches, Late, Limits, Overloaded
from bench.shipping.serving.certs import write_certs
from bench.shipping.serving.cuts import folders_of, open_cut
from bench.shipping.serving.metrics import MOST_UNCOUNTED, Metrics
from bench.shipping.serving.security import Access, credentials_of_device, credentials_of_server, hold_token
from bench.shipping.serving.served import compute
from bench.shipping.serving.wire import ASK, DESCRIBE, STREAM, question, read_answer, read_description
from tests.bench.shipping.serving.conftest import serving

CODES = grpc.StatusCode


@pytest.fixture(scope="module")
def running(shipped):
    with serving(shipped.cuts) as one, grpc.insecure_channel(f"127.0.0.1:{one.port}") as channel:
        one.channel = channel
        yield one


@pytest.fixture(scope="module", params=["cut1", "cut3"])
def asked(shipped, request):
    """The device's side of a cut, the questions of some samples, and the network's answers to them."""
    cut = open_cut(shipped.cuts / request.param, "device")
    with torch.no_grad():
        crossing = cut.part.run(shipped.x)[0]
        logits = shipped.net(shipped.x)[-1]
    messages = [one.frames for one in messages_of(cut.crossing, crossing, cut.codec)]
    return cut, [question(number, cut.key, one) for number, one in enumerate(messages)], logits


def refused(call, code, words):
    with pytest.raises(grpc.RpcError) as info:
        call()
    assert info.value.code() == code
    assert words in info.value.details()


def test_what_is_served_is_described(running, shipped):
    served = read_description(running.channel.unary_unary(DESCRIBE)(b""))
    cuts = [open_cut(folder, "server") for folder in folders_of([shipped.cuts])]
    assert set(served) == {cut.key for cut in cuts}
    for cut in cuts:
        one = served[cut.key]
        assert tuple(one.feature) == cut.crossing.shape
        assert (one.codec, one.classes, one.most_bytes) == (cut.spec, cut.crossing.classes, cut.most_bytes)
        assert one.seconds > 0


def test_every_sample_is_answered_as_by_the_whole_network(running, asked):
    cut, questions, logits = asked
    ask = running.channel.unary_unary(ASK)
    for number, one in enumerate(questions):
        got = read_answer(ask(one), cut.crossing.classes)
        assert got.id == number
        assert got.batch == 1
        torch.testing.assert_close(got.logits, logits[number], atol=1e-2, rtol=1e-2)


def test_a_stream_answers_every_question_once_under_its_id(running, asked):
    cut, questions, logits = asked
    several = [*questions, b"\xff", question(99, ("another", 1), b"")] * 3
    answers = [
        read_answer(one, cut.crossing.classes) for one in running.channel.stream_stream(STREAM)(iter(several))
    ]
    assert len(answers) == len(several)
    right = [one for one in answers if not one.refused]
    assert sorted(one.id for one in right) == sorted(list(range(len(questions))) * 3)
    for one in right:
        torch.testing.assert_close(one.logits, logits[one.id], atol=1e-2, rtol=1e-2)
    assert {one.refused.split(".")[0] for one in answers if one.refused} == {
        "These bytes are no question of seesaw",
        "The network of this record is not served here",
    }


def test_questions_that_arrive_together_are_computed_together(shipped, asked):
    cut, questions, _ = asked
    with serving(shipped.cuts, Limits(wait=0.5, largest=4)) as one:
        with grpc.insecure_channel(f"127.0.0.1:{one.port}") as channel, ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(channel.unary_unary(ASK), questions[:8]))
        assert [read_answer(got, cut.crossing.classes).batch for got in answers] == [4] * 8
        assert one.server.metrics.registry.get_sample_value("seesaw_batch_size_count") == 2
        read = one.server.metrics.registry.get_sample_value
        assert read("seesaw_questions_total", {"outcome": "answered"}) == 8
        assert read("seesaw_bytes_total", {"way": "in"}) == sum(map(len, questions[:8]))
        assert read("seesaw_bytes_total", {"way": "out"}) == sum(map(len, answers))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cut, message: b"\xff\xff\xff", "no question of seesaw.proto"),
        (
            lambda cut, message: question(1, ("stranger", cut.cut), message),
            "network of this record is not served",
        ),
        (
            lambda cut, message: question(1, (cut.key[0], 77), message),
            "Cut 77 of this network is not served here, but 1, 3",
        ),
        (lambda cut, message: question(1, cut.key, message[:-1]), "damaged or too large"),
        (lambda cut, message: question(1, cut.key, message[:30] + b"?" + message[31:]), "its checksum"),
        (lambda cut, message: question(1, cut.key, b""), "shorter than its head"),
        (lambda cut, message: question(1, cut.key, message + message), "does not fit a cut"),
    ],
)
def test_what_is_wrong_is_refused_with_a_sentence(running, asked, change, words):
    cut, questions, _ = asked
    from bench.shipping.serving.wire import read_question

    message = bytes(read_question(questions[0]).message)
    refused(lambda: running.channel.unary_unary(ASK)(change(cut, message)), CODES.INVALID_ARGUMENT, words)


def test_a_message_larger_than_any_cut_takes_is_refused_before_it_is_read(running, asked):
    cut, _, _ = asked
    refused(
        lambda: running.channel.unary_unary(ASK)(question(1, cut.key, bytes(1 << 20))),
        CODES.RESOURCE_EXHAUSTED,
        "larger than max",
    )


def test_any_bytes_are_an_error_and_the_server_goes_on(running, asked):
    cut, questions, _ = asked
    rng, ask = random.Random(0), running.channel.unary_unary(ASK)
    for _ in range(300):
        data = bytearray(rng.choice(questions))
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(data))
            data[place : place + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
        outcome = ask.future(bytes(data))
        assert outcome.code() in (
            CODES.OK,
            CODES.INVALID_ARGUMENT,
            CODES.RESOURCE_EXHAUSTED,
        )  # the id alone may have changed
    assert read_answer(ask(questions[0]), cut.crossing.classes).logits is not None


def test_random_bytes_at_the_port_hold_nobody_up(running, asked):
    cut, questions, _ = asked
    rng, idle = random.Random(1), []
    for _ in range(30):
        one = socket.create_connection(("127.0.0.1", running.port), timeout=5)
        one.sendall(rng.randbytes(500) if rng.random() < 0.7 else b"PRI * HTTP/2.0\r\n")
        idle.append(one)  # stays open, and says no more
    ask = running.channel.unary_unary(ASK)
    assert read_answer(ask(questions[0], timeout=5), cut.crossing.classes).logits is not None
    for one in idle:
        one.close()


def test_health_and_reflection_are_those_of_grpc(running):
    check = health_pb2_grpc.HealthStub(running.channel).Check(
        health_pb2.HealthCheckRequest(service="seesaw.v1.Seesaw")
    )
    assert check.status == health_pb2.HealthCheckResponse.SERVING
    asked = reflection_pb2_grpc.ServerReflectionStub(running.channel).ServerReflectionInfo(
        iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    )
    assert "seesaw.v1.Seesaw" in [one.name for one in next(asked).list_services_response.service]


def test_a_deadline_that_has_passed_is_not_computed(shipped, asked):
    _, questions, _ = asked
    with serving(shipped.cuts, Limits(wait=1.0, largest=8)) as one:
        with grpc.insecure_channel(f"127.0.0.1:{one.port}") as channel:
            refused(lambda: channel.unary_unary(ASK)(questions[0], timeout=0.1), CODES.DEADLINE_EXCEEDED, "")
        end = time.monotonic() + 10
        while one.server.metrics.registry.get_sample_value("seesaw_waiting") and time.monotonic() < end:
            time.sleep(0.02)
        assert one.server.metrics.registry.get_sample_value("seesaw_batch_size_count") == 0


def test_a_server_that_ends_answers_what_was_asked(shipped, asked):
    cut, questions, _ = asked
    with (
        serving(shipped.cuts, Limits(wait=0.5, largest=8)) as one,
        grpc.insecure_channel(f"127.0.0.1:{one.port}") as channel,
        ThreadPoolExecutor(1) as thread,
    ):
        waiting = thread.submit(channel.unary_unary(ASK), questions[0])
        end = time.monotonic() + 10
        while not one.server.metrics.registry.get_sample_value("seesaw_waiting") and time.monotonic() < end:
            time.sleep(0.005)
        one.stop()
        assert read_answer(waiting.result(10), cut.crossing.classes).logits is not None


def test_calls_without_the_token_are_refused(shipped, asked):
    cut, questions, _ = asked
    with (
        serving(shipped.cuts, token="word") as one,
        grpc.insecure_channel(f"127.0.0.1:{one.port}") as channel,
    ):
        ask = channel.unary_unary(ASK)
        refused(lambda: ask(questions[0]), CODES.UNAUTHENTICATED, "no token")
        refused(
            lambda: ask(questions[0], metadata=(("authorization", "Bearer ward"),)),
            CODES.UNAUTHENTICATED,
            "no token",
        )
        refused(
            lambda: next(channel.stream_stream(STREAM)(iter(questions))), CODES.UNAUTHENTICATED, "no token"
        )
        got = ask(questions[0], metadata=(("authorization", "Bearer word"),))
        assert read_answer(got, cut.crossing.classes).logits is not None
        assert health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()).status == 1


def test_only_a_certificate_of_the_same_authority_may_ask(shipped, asked, tmp_path):
    cut, questions, _ = asked
    for name in ("own", "foreign"):
        write_certs(tmp_path / name, ["localhost"], 1)
    with serving(shipped.cuts, tls=credentials_of_server(tmp_path / "own")) as one:
        address = f"localhost:{one.port}"
        with grpc.secure_channel(address, credentials_of_device(tmp_path / "own")) as channel:
            assert (
                read_answer(channel.unary_unary(ASK)(questions[0]), cut.crossing.classes).logits is not None
            )
        with grpc.secure_channel(address, credentials_of_device(tmp_path / "foreign")) as channel:
            refused(lambda: channel.unary_unary(ASK)(questions[0], timeout=5), CODES.UNAVAILABLE, "")
        with grpc.insecure_channel(address) as channel:
            refused(lambda: channel.unary_unary(ASK)(questions[0], timeout=5), CODES.UNAVAILABLE, "")
        own = (tmp_path / "own/authority.pem").read_bytes()
        with grpc.secure_channel(address, grpc.ssl_channel_credentials(own)) as channel:  # of no certificate
            refused(lambda: channel.unary_unary(ASK)(questions[0], timeout=5), CODES.UNAVAILABLE, "")


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "192.168.0.7:8443", "server.local:8443", ":8443"])
def test_beyond_this_machine_nothing_listens_without_certificates_or_a_word_on_clear_text(address, tmp_path):
    with pytest.raises(SeesawError, match=r"or listen at 127.0.0.1\.$"):
        Access().hold(address)
    with pytest.raises(SeesawError, match="A token alone would be read as well: --clear-text allows that"):
        Access(token="word").hold(address)
    Access(token="word", clear_text=True).hold(address)
    write_certs(tmp_path, ["localhost"], 1)
    Access(credentials_of_server(tmp_path)).hold(address)
    for other in (Access(clear_text=True), Access(credentials_of_server(tmp_path), "word", clear_text=True)):
        with pytest.raises(SeesawError, match="Give --token FILE with it, and no --tls"):
            other.hold(address)
    (
        tmp_path / "authority.pem"
    ).unlink()  # where devices show no certificate, whoever signed them does not matter
    over_tls = credentials_of_server(tmp_path, token_only=True)
    Access(over_tls, "word", token_only=True).hold(address)
    for other in (Access(over_tls, token_only=True), Access(None, "word", token_only=True)):
        with pytest.raises(SeesawError, match="Give --tls FOLDER and --token FILE with it"):
            other.hold(address)
    with pytest.raises(SeesawError, match=r"would travel to .* unencrypted"):
        hold_token(address, "word", is_secret=False, clear_text=False)
    hold_token(address, None, is_secret=False, clear_text=False)
    hold_token(address, "word", is_secret=False, clear_text=True)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "localhost:1", "127.9.9.9:1"])
def test_on_this_machine_it_does(address):
    Access().hold(address)
    with pytest.raises(SeesawError, match="Give --tls FOLDER and --token FILE with it"):
        Access(token="word", token_only=True).hold(address)
    hold_token(address, "word", is_secret=False, clear_text=False)


def test_a_taken_port_is_a_sentence(running, shipped):
    with pytest.raises(SeesawError, match="Choose another"), serving(shipped.cuts, port=running.port):
        pass


def test_folders_that_hold_no_cut_or_one_twice_are_sentences(shipped, tmp_path):
    with pytest.raises(SeesawError, match=r"holds no manifest.json"):
        folders_of([tmp_path])
    shutil.copytree(shipped.cuts / "cut1", tmp_path / "again")
    shutil.copytree(shipped.cuts / "cut1", tmp_path / "once")
    with pytest.raises(SeesawError, match="hold the same cut 1"), serving(tmp_path):
        pass
    manifest = tmp_path / "once/manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"cut": None, "crossing": None}))
    with pytest.raises(SeesawError, match="holds no part of the server"):
        open_cut(tmp_path / "once", "server")


def batches(run, limits):
    """What `run` gives with batches of numbers, which are doubled in a thread."""
    sizes, gate = [], threading.Event()

    def compute(numbers):
        gate.wait(10)
        sizes.append(len(numbers))
        if -1 in numbers:
            raise ValueError("minus one")
        return [SeesawError("odd") if n % 2 else 2 * n for n in numbers]

    async def main(executor):
        return await run(Batches(compute, limits, executor), gate)

    with ThreadPoolExecutor(1) as executor:
        return asyncio.run(main(executor)), sizes


@pytest.mark.parametrize("folder", ["cut1", "cut3"])
def test_a_damaged_message_among_others_is_refused_alone(shipped, folder):
    cut = open_cut(shipped.cuts / folder, "server")
    feature = torch.randn(3, *cut.crossing.joined)
    whole = [read_frames(one.frames) for one in messages_of(cut.crossing, feature, cut.codec)]
    damaged = [whole[0][0]._replace(payload=whole[0][0].payload[:-4])]
    answers = compute(cut, cut.part.run)
    first, refusal, second, third = answers([whole[0], damaged, *whole[1:]])
    assert "Use the same codec" in str(refusal)
    for got, expected in zip((first, second, third), answers(whole), strict=True):
        torch.testing.assert_close(torch.from_numpy(got), torch.from_numpy(expected))
    (alone,) = answers([damaged])
    assert str(alone) == str(refusal)


def test_a_full_queue_refuses_and_what_is_late_is_not_computed():
    async def run(one, gate):
        first = asyncio.create_task(one.ask(2))
        await asyncio.sleep(0.05)  # it is being computed, and the next ones wait
        late = asyncio.create_task(one.ask(4, time.monotonic() + 0.01))
        good = asyncio.create_task(one.ask(6))
        await asyncio.sleep(0.05)
        with pytest.raises(Overloaded, match="2 questions wait already"):
            await one.ask(8)
        gate.set()
        with pytest.raises(Late):
            await late
        return (await first)[0], (await good)[0]

    assert batches(run, Limits(0.0, 8, 2)) == ((4, 12), [1, 1])


def test_a_quick_question_that_waits_for_nobody_is_computed_at_once():
    async def run(one, gate):
        gate.set()
        assert one.at_once(2) is None, "nobody knows yet how long one takes"
        await one.ask(2)
        first = one.at_once(4)
        with pytest.raises(SeesawError, match="odd"):
            one.at_once(5)
        with pytest.raises(SeesawError, match=r"failed \(minus one\)"):
            one.at_once(-1)
        waiting = asyncio.create_task(one.ask(6))
        await asyncio.sleep(0)
        beside = one.at_once(8)
        one.limits.wait, patient = 1.0, one.at_once(10)
        return first, beside, patient, (await waiting)[0]

    (first, beside, patient, last), sizes = batches(run, Limits(0.0, 8, 8))
    assert first[0] == 8
    assert (first.waited, first.batch) == (0.0, 1)
    assert (beside, patient, last) == (None, None, 12)
    assert sizes == [1] * 5


def test_batches_are_counted_once_somebody_looks_or_many_are_there():
    one = Metrics()
    for _ in range(MOST_UNCOUNTED + 1):
        one.took(2, 0.1, 0.2)
    assert len(one._batches) == 1, "memory stays bounded where nobody looks"
    assert one.registry.get_sample_value("seesaw_batch_size_count") == MOST_UNCOUNTED + 1
    assert one.registry.get_sample_value("seesaw_waited_seconds_sum") == pytest.approx(
        0.1 * (MOST_UNCOUNTED + 1)
    )


def test_one_bad_question_does_not_spoil_its_batch_and_a_fault_spoils_only_one():
    async def run(one, gate):
        gate.set()
        got = await asyncio.gather(*(one.ask(n) for n in (2, 3, 4)), return_exceptions=True)
        bad = await asyncio.gather(one.ask(-1), return_exceptions=True)
        return [got[0][0], str(got[1]), got[2][0]], str(bad[0]), (await one.ask(8))[0]

    (got, bad, after), sizes = batches(run, Limits(0.05, 3, 9))
    assert got == [4, "odd", 8]
    assert bad.startswith("The server failed (minus one)")
    assert after == 16
    assert sizes == [3, 1, 1]
