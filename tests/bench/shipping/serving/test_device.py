"""A device that asks a server, and does without: every sample is answered once.

Covers: bench/shipping/serving/client.py, bench/shipping/serving/chooser.py, bench/shipping/serving/cuts.py,
    bench/shipping/serving/local.py, bench/shipping/serving/reach.py
"""

import asyncio
import json
import shutil
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from bench import Device, SeesawError
from bench.kinds.belief import STOPPED
from bench.kinds.frame import read_frames
from bench.kinds.split import SplitPolicy
from bench.plugins.plugin import choose
from bench.shipping.serving.batches import Limits
from bench.shipping.serving.certs import write_certs
from bench.shipping.serving.chooser import Happened
from bench.shipping.serving.reach import AGAIN
from bench.shipping.serving.security import credentials_of_server
from tests.bench.shipping.serving.conftest import serving

SPLITS = [
    "dynamic",
    "neurosurgeon",
    "splitee",
    "splitee-s",
    "i-splitee",
    "hi-lcb",
    "mu-linucb",
    "always-device",
    "random",
]


@pytest.fixture(scope="module")
def running(shipped):
    with serving(shipped.cuts) as one:
        yield f"127.0.0.1:{one.port}"


@pytest.fixture(scope="module")
def expected(shipped):
    with torch.no_grad():
        return torch.stack(shipped.net(shipped.x)).argmax(2)


def test_three_lines_answer_a_sample(shipped, running, expected):
    device = Device(shipped.cuts / "cut3", running, policy="none")
    labels = [device.ask(x).label for x in shipped.x]
    assert labels == expected[-1].tolist()
    assert {device.ask(x[None]).place for x in shipped.x[:2]} == {"server"}
    device.close()


def test_samples_leave_where_the_shipped_policy_lets_them(shipped, running, expected):
    with Device(shipped.cuts / "cut3", running) as device:
        answers = [device.ask(x) for x in shipped.x]
        assert device.locals[0].leaves is not None
        for number, one in enumerate(answers):
            with torch.no_grad():
                early = shipped.net(shipped.x[number : number + 1])[: device.locals[0].exits]
            left = next(
                (at for at in range(len(early)) if device.locals[0].leaves(torch.stack(early[: at + 1]))[0]),
                None,
            )
            assert one.exit == left
            assert one.place == ("server" if left is None else "exit")
            assert one.label == expected[-1 if left is None else left, number]
            assert (one.bytes > 0) == (left is None)
            assert 0 < one.device <= one.seconds


def test_without_a_server_the_last_exit_answers(shipped, expected):
    with Device(shipped.cuts / "cut3", policy="none") as device:
        answers = [device.ask(x) for x in shipped.x]
        last = device.locals[0].exits - 1
    assert [one.label for one in answers] == expected[last].tolist()
    assert {(one.place, one.exit) for one in answers} == {("exit", last)}


def test_a_server_that_goes_away_and_comes_back(shipped):
    with (
        serving(shipped.cuts) as one,
        Device(shipped.cuts / "cut3", f"127.0.0.1:{one.port}", policy="none") as device,
    ):
        assert device.ask(shipped.x[0]).place == "server"
        one.stop()
        begun = time.monotonic()
        away = [device.ask(x) for x in shipped.x]
        assert {answer.place for answer in away} == {"fallback"}
        assert time.monotonic() - begun < 10
        with serving(shipped.cuts, port=one.port):
            begun = time.monotonic()
            while device.ask(shipped.x[0]).place != "server":
                assert time.monotonic() - begun < 5
                time.sleep(AGAIN / 10)


def test_an_answer_that_is_late_is_given_by_the_device(shipped):
    slow = Limits(wait=0.4, largest=1000)
    with (
        serving(shipped.cuts, slow) as one,
        Device(shipped.cuts / "cut3", f"127.0.0.1:{one.port}", policy="none", deadline=0.1) as device,
    ):
        begun = time.monotonic()
        answers = [device.ask(x) for x in shipped.x]
        assert {answer.place for answer in answers} == {"fallback"}
        assert time.monotonic() - begun < 0.1 * len(answers) / 2  # it does not wait for each


def test_many_at_once_are_answered_each_once(shipped, running, expected):
    async def main(device):
        return await asyncio.gather(*(device.ask_async(x) for x in shipped.x))

    with Device(shipped.cuts / "cut1", running, policy="none") as device:
        answers = asyncio.run(main(device))
    assert [one.label for one in answers] == expected[-1].tolist()


@pytest.mark.parametrize("spec", SPLITS)
def test_every_split_policy_chooses_among_the_shipped_cuts(shipped, running, expected, spec):
    with Device(shipped.cuts, running, policy="none", split=spec) as device:
        assert [one.shipped.cut for one in device.locals] == [1, 3]
        answers = [device.ask(x) for x in shipped.x]
    places = Counter((one.place, one.cut) for one in answers)
    assert set(places) <= {("server", 1), ("server", 3), ("exit", 1), ("exit", 3)}
    for number, one in enumerate(answers):
        assert one.label == expected[-1 if one.exit is None else one.exit, number]
    if spec == "always-device":
        assert set(places) == {("exit", 3)}


def test_a_split_policy_sees_what_it_sees_in_a_replay(shipped, running, monkeypatch):
    told = []
    kind = type(choose(SplitPolicy, "random").plugin)
    monkeypatch.setattr(
        kind, "choose", staticmethod(lambda seen, arms, own, memory, luck: told.append(seen) or 1)
    )
    monkeypatch.setattr(
        kind, "learn", staticmethod(lambda arms, own, memory, feedback: told.append((arms, feedback)))
    )
    with Device(shipped.cuts, running, policy="none", split="random") as device:
        device.chooser.known = replace(
            device.chooser.known, whole=60.0
        )  # a device for which no answer is slow
        for x in shipped.x[:3]:
            device.ask(x)
    seen, (arms, feedback) = told[4], told[5]
    assert [(int(one.cut), int(one.codec)) for one in arms] == [(1, 0), (3, 1), (4, -1)]
    assert arms[0].bytes > 4 * arms[0].elements
    assert all(one.device > 0 for one in arms)
    assert (feedback.arm, feedback.sent) == (1, 1)
    assert feedback.seconds >= feedback.sending + feedback.server
    assert 0 < feedback.answer <= 1
    assert (seen.answers, seen.battery) == (2, 1)
    assert seen.rate > 0
    assert seen.trip > 0


def test_a_link_over_which_a_sample_was_given_up_is_tried_again_by_one_sample(shipped, running, monkeypatch):
    seen = []
    kind = type(choose(SplitPolicy, "random").plugin)
    monkeypatch.setattr(
        kind, "choose", staticmethod(lambda one, arms, own, memory, luck: seen.append(one.rate) or 1)
    )
    with Device(shipped.cuts, running, policy="none", split="random") as device:
        chooser, now = device.chooser, [100.0]
        monkeypatch.setattr(chooser, "_now", lambda: now[0])
        given_up = Happened(
            arm=1, place="fallback", seconds=1.0, device=0.1, server=0.0, bytes=500, trip=None
        )
        for moment in (100.0, 102.0, 102.5):
            now[0] = moment
            chooser.choose()
            if moment != 102.0:
                chooser.learn(given_up, [], torch.zeros(4))
            else:
                chooser.sends()
                chooser.choose()
        now[0] = 104.4
        chooser.choose()
        now[0] = 104.6
        chooser.choose()
    assert np.isnan(seen[0]), "nobody has measured the link"
    assert np.isnan(seen[1]), "one second later it is tried"
    assert seen[2] == seen[3] == STOPPED, "but once"
    assert seen[4] == STOPPED, "and then after two seconds"
    assert np.isnan(seen[5])


@pytest.mark.parametrize("cut", [0, 3])
def test_the_image_itself_is_sent_at_cut_0_and_the_cut_is_chosen_at_run_time(shipped, expected, cut):
    with (
        serving(shipped.images) as one,
        Device(shipped.images, f"127.0.0.1:{one.port}", policy="none", split=f"fixed[cut={cut}]") as device,
    ):
        answers = [device.ask(x) for x in shipped.x]
        (frame,) = read_frames(device.locals[0].message(shipped.x[:1]))
    assert {(answer.place, answer.cut) for answer in answers} == {("server", cut)}
    assert [answer.label for answer in answers] == expected[-1].tolist()
    assert (frame.content, frame.payload[:4]) == ("input", b"\x89PNG")


def test_a_server_that_stays_away_is_done_without_at_cut_0_too(shipped, expected):
    with serving(shipped.images) as one:
        device = Device(shipped.images, f"127.0.0.1:{one.port}", policy="none", split="fixed[cut=0]")
        one.stop()
        answers = [device.ask(x) for x in shipped.x[:5]]
        device.close()
    assert {(answer.place, answer.cut) for answer in answers} == {("fallback", 0)}
    last = device.locals[-1].exits - 1
    assert [answer.label for answer in answers] == expected[last][:5].tolist()


def test_a_folder_that_does_not_say_how_images_are_scaled_sends_none(shipped, tmp_path):
    shutil.copytree(shipped.images / "cut0", tmp_path / "cut0")
    manifest = tmp_path / "cut0/manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"scale": None}))
    with pytest.raises(SeesawError, match="does not say how images of 8 bits become inputs"):
        Device(tmp_path, "127.0.0.1:1")


def test_what_does_not_fit_is_a_sentence(shipped, running, tmp_path):
    with Device(shipped.cuts / "cut1", running) as device, pytest.raises(SeesawError, match="does not fit"):
        device.ask(torch.zeros(3, 3))
    with pytest.raises(SeesawError, match=r"no point of 'gates'. Choose from: 'confidence'"):
        Device(shipped.cuts / "cut3", running, policy="gates")
    with (
        serving(shipped.cuts / "cut1") as one,
        pytest.raises(SeesawError, match=r"does not serve cut 3 of this .* behind cut 1"),
    ):
        Device(shipped.cuts, f"127.0.0.1:{one.port}")


def test_nobody_at_the_address_is_a_sentence(shipped, monkeypatch):
    monkeypatch.setattr("bench.shipping.serving.client.PATIENCE", 0.3)
    with pytest.raises(SeesawError, match="Check the address, --tls and --token"):
        Device(shipped.cuts / "cut1", "127.0.0.1:1")


@pytest.mark.parametrize("given", ["foreign", None, "expired"])
def test_a_device_without_the_right_certificate_is_told(shipped, tmp_path, monkeypatch, given):
    monkeypatch.setattr("bench.shipping.serving.client.PATIENCE", 1.5)
    for name, days in (("own", 1), ("foreign", 1), ("expired", 0)):
        write_certs(tmp_path / name, ["localhost", "127.0.0.1"], days)
    expected = {
        "foreign": "do not know each other's certificates",
        None: "If it serves over TLS, give --tls FOLDER",
        "expired": "Make new ones with `seesaw certs FOLDER`",
    }
    with (
        serving(shipped.cuts / "cut1", tls=credentials_of_server(tmp_path / "own")) as one,
        pytest.raises(SeesawError, match=expected[given]),
    ):
        Device(
            shipped.cuts / "cut1", f"127.0.0.1:{one.port}", tls=None if given is None else tmp_path / given
        )


def test_a_device_with_tls_is_told_that_the_server_has_none(shipped, running, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.shipping.serving.client.PATIENCE", 1.5)
    write_certs(tmp_path, ["127.0.0.1"], 1)
    with pytest.raises(SeesawError, match="does not speak TLS"):
        Device(shipped.cuts / "cut1", running, tls=tmp_path)


def test_a_token_is_brought(shipped):
    with serving(shipped.cuts, token="word") as one:
        address = f"127.0.0.1:{one.port}"
        with Device(shipped.cuts / "cut1", address, token="word", policy="none") as device:
            assert device.ask(shipped.x[0]).place == "server"
        with pytest.raises(SeesawError, match="brings no token"):
            Device(shipped.cuts / "cut1", address, token="other")


def test_a_token_alone_lets_a_device_in_over_tls_where_the_server_says_so(shipped, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.shipping.serving.client.PATIENCE", 1.5)
    certs, known, foreign = tmp_path / "certs", tmp_path / "known", tmp_path / "foreign"
    write_certs(certs, ["127.0.0.1"], 1)
    write_certs(foreign, ["127.0.0.1"], 1)
    known.mkdir()
    shutil.copy(certs / "authority.pem", known)
    access = {"tls": credentials_of_server(certs, token_only=True), "token": "word", "token_only": True}
    with serving(shipped.cuts / "cut1", **access) as one:
        address = f"127.0.0.1:{one.port}"
        for folder in (known, certs):  # one that has a certificate may show it
            with Device(shipped.cuts / "cut1", address, tls=folder, token="word", policy="none") as device:
                assert device.ask(shipped.x[0]).place == "server"
        with pytest.raises(SeesawError, match="brings no token"):
            Device(shipped.cuts / "cut1", address, tls=known)
        with pytest.raises(SeesawError, match="brings no token"):
            Device(shipped.cuts / "cut1", address, tls=known, token="ward")
        with pytest.raises(SeesawError, match="do not know each other's certificates"):
            Device(
                shipped.cuts / "cut1", address, tls=foreign, token="word"
            )  # it is another server to this device
        with pytest.raises(SeesawError, match="Check the address, --tls and --token"):
            Device(shipped.cuts / "cut1", address, token="word")
    with (
        serving(shipped.cuts / "cut1", tls=credentials_of_server(certs), token="word") as one,
        pytest.raises(
            SeesawError,
            match=r"wants a certificate of the device, it seems, .* or let it serve with --token-only",
        ),
    ):
        Device(shipped.cuts / "cut1", f"127.0.0.1:{one.port}", tls=known, token="word")
