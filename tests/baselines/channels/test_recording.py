"""Recordings in the layouts of public collections, against rates by hand.

Covers: baselines/channels/layouts.py
"""

import gzip
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.channels import layouts
from baselines.channels.layouts import read_recording
from baselines.channels.recording import HERE, Recording
from bench import SeesawError

LAYOUTS = {
    "a table of seconds and Mbit/s": "seconds,mbps\n0.0,8\n1.0,16\n3.0,4\n",
    "the same with other words, in another order": "bandwidth_kbps;time\n8000;10\n16000;11\n4000;13\n",
    "two columns without a header": "0 8\n1 16\n3 4\n",
    "milliseconds": "time_ms\tthroughput_mbps\n5000\t8\n6000\t16\n8000\t4\n",
    "commas for points, as spreadsheets of half the world write": "time;mbps\r\n0,0;8,0\r\n1,0;16\r\n3,0;4,00\r\n",
    "the same between tabs, behind a mark of the byte order": "\ufefftime\tmbps\n0,5\t8,0\n1,5\t16,0\n3,5\t4,0\n",
    "the same between quotation marks": '"time","mbps"\n"0,5","8,0"\n"1.5","16,0"\n3.5,4\n',
    "the same between blanks": "time mbps\n0,5 8\n1,5 16,0\n3,5 4\n",
    "cells in quotes": '"seconds", "mbps"\n"0","8"\n"1","16"\n"3","4"\n',
    "moments of ISO 8601 with a zone": (
        "time,mbps\n2020-10-25T00:59:59Z,8\n2020-10-25T01:00:00+00:00,16\n2020-10-25T02:00:02+01:00,4\n"
    ),
    "moments without a zone, at the hour that comes twice": (
        "time,mbps\n2020-10-25 01:59:59,8\n2020-10-25 02:00:00,16\n2020-10-25 02:00:02.000,4\n"
    ),
    "a last line that was cut short": "seconds,mbps\n0,8\n1,16\n3,4\n4",
    "bits": "Timestamp,rate_bps\n0,8e6\n1,16e6\n3,4e6\n",
    "dates, and both ways": (
        "Timestamp,Longitude,Speed,DL_bitrate,UL_bitrate\n2019.11.28_07.27.59,-8.4,1,99,8000\n"
        "2019.11.28_07.28.00,-8.4,1,99,16000\n2019.11.28_07.28.02,-8.4,1,99,4000\n"
    ),
    "what arrived, and how long it took": (
        "1289406399 549 59.85 10.78 1000000 1000\n1289406400 1549 59.85 10.78 4000000 2000\n"
        "1289406402 3549 59.85 10.78 1000000 2000\n"
    ),
    "a list of objects in JSON": (
        '[{"time": 0, "mbps": 8}, {"time": 1, "mbps": 16}, {"mbps": 4, "time": 3.0}]'
    ),
    "an object in each line": '{"t": 10, "kbps": 8000}\n{"t": 11, "kbps": 16000}\n{"t": 13, "kbps": 4e3}\n',
    "rows below a description": '{"place": "Oslo", "rates": [[0, 8], [1, 16], [3, 4]]}',
    "columns in JSON": '{"time": [0, 1, 3], "mbps": [8, 16, 4]}',
    "rows beside a list of words": '{"tags": ["bus", "wet"], "rates": [{"t": 0, "mbps": 8}, {"t": 1, "mbps": 16}, {"t": 3, "mbps": 4}]}',
    "milliseconds since 1970 that nobody names": "timestamp,mbps\n1600000000000,8\n1600000001000,16\n1600000003000,4\n",
    "the same without a header, in microseconds": "1600000000000000 8\n1600000001000000 16\n1600000003000000 4\n",
    "microseconds": "timestamp_us,mbps\n1600000000000000,8\n1600000001000000,16\n1600000003000000,4\n",
    "nanoseconds": "time (ns);mbps\n5;8\n1000000005;16\n3000000005;4\n",
    "other words for milliseconds": "time_msec,mbps\n0,8\n1000,16\n3000,4\n",
    "minutes": "time [min]\tmbps\n0\t8\n0.0166666666667\t16\n0.05\t4\n",
    "rates of other things": "time,rtt_ms,loss_rate,mbps\n0,20,0.1,8\n1,20,0.1,16\n3,20,0.1,4\n",
    "a mean that is neither way": "time,mean_mbps,tx_mbps\n0,1,8\n1,1,16\n3,1,4\n",
    "durations in JSON, of what arrived": (
        '[{"duration_ms": 1000, "bandwidth_kbps": 8000, "latency_ms": 75},\n'
        '{"duration_ms": 2000, "bandwidth_kbps": 16000, "latency_ms": 75},\n'
        '{"duration_ms": 2000, "bandwidth_kbps": 4000, "latency_ms": 75}]'
    ),
}


def written(folder, text, name="one.txt"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_its_times_and_rates(layout, tmp_path):
    recorded = read_recording(written(tmp_path, LAYOUTS[layout]))
    assert recorded.seconds == pytest.approx([0, 1, 3])
    assert recorded.rate == pytest.approx([8, 16, 4])
    assert recorded.lasts == pytest.approx(4.5 if "arrived" not in layout else 5)
    assert (recorded.down is not None) == ("both ways" in layout)
    if recorded.down is not None:
        assert recorded.down == pytest.approx([0.099] * 3)


def test_chances_to_send_a_packet_are_counted_second_by_second(tmp_path):
    millis = [*range(0, 1000, 10), *range(1000, 2000, 100), 2500]
    recorded = read_recording(written(tmp_path, "\n".join(map(str, millis))))
    assert recorded.seconds.tolist() == [0, 1, 2]
    assert recorded.rate == pytest.approx([100 * 0.012, 10 * 0.012, 1 * 0.012 / 0.5])
    assert recorded.lasts == 2.5


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has 0 rows"),
        ("seconds,mbps\n", "fewer than two"),
        ("0 1.5\n", "fewer than two"),
        ("seconds,mbps\n0,1\n1,1e9\n", "beyond 10,000,000 Mbit/s"),
        ("0\n0\n", "it lasts 0 s"),
        ("1 2 3 4 100 -5\n1 2 3 4 100 5\n1 2 3 4 100 5\n", "milliseconds is negative"),
        ("seconds,mbps\n0,1\n", "fewer than two"),
        ("seconds,mbps\n1,2\n0,3\n", "row 2 is earlier"),
        ("seconds,mbps\n0,-1\n1,2\n", "negative"),
        ("seconds,mbps\n0,nan\n1,2\n", "negative, infinite or none"),
        ("seconds,mbps\n0,1\n1,fast\n", "line 3: 'fast' is no number"),
        ("seconds,mbps\nnoon,1\n1,2\n", "line 2: 'noon' is no time"),
        ("a,b\n0,1\n1,2\n", "names no time or no rate"),
        ("seconds,rate\n0,1\n1,2\n", "does not say its unit"),
        ("seconds,mbps\n0,1\n1\n2,3\n", "line 3 lacks a column"),
        ('seconds,mbps\n0,"1,000"\n1,2\n', "line 2: '1,000' is no number"),
        ("0,0 1,5\n1,0 2,5\n", "line 1: '0 1' is no number"),
        ("1 2 3\n4 5 6\n", "3 columns and no header"),
        ("1 2\n4\n", "line 2 has 1 columns"),
        ("5\n3\n", "does not rise"),
        ("1\n1e300\n", "it lasts"),
        ("[1, 2", "begins as JSON and is none"),
        ('{"a": 1}', "holds no list"),
        ('[{"time": 0, "mbps": 1}, {"time": 1}]', "item 2 lacks one of time, mbps"),
        ("[[0, 1], []]", "one of its rows is empty"),
        ('[[0, 1], [1, {"a": 2}]]', "line 2: .* is no number"),
        ("[" * 100_000, "begins as JSON and is none"),
        ("duration,mbps\n1,1\n0,2\n", "no positive number"),
    ],
)
def test_what_has_no_known_layout_is_a_sentence(text, sentence, tmp_path):
    with pytest.raises(SeesawError, match=sentence):
        read_recording(written(tmp_path, text))


@given(st.text(alphabet='0123456789.,; \n-emsbpstikUDL_[]{}:"tim', max_size=200))
def test_any_text_is_a_recording_or_a_sentence(tmp_path_factory, text):
    path = written(tmp_path_factory.mktemp("any"), text)
    try:
        recorded = read_recording(path)
    except SeesawError:
        return
    assert recorded.lasts > 0
    assert (np.diff(recorded.seconds) > 0).all()


@pytest.mark.parametrize(
    ("name", "megabits"),
    [
        ("mbps", 1.0), ("Mbps", 1.0), ("Mbit/s", 1.0), ("throughput_mbps", 1.0), ("mbit", 1.0), ("kbps", 1e-3),
        ("Kbps", 1e-3), ("DL_bitrate", 1e-3), ("bps", 1e-6), ("bits/s", 1e-6), ("Gbps", 1e3), ("MB/s", 8.0),
        ("MBps", 8.0), ("rate [KB/s]", 8e-3), ("bytes/s", 8e-6), ("bytes_per_second", 8e-6), ("rate (Mb)", 1.0), ("KiB/s", 8.192e-3),
        ("Mibit/s", 1.048576), ("MiB/s", 8.388608), ("Tbps", 1e6), ("kilobytes/s", 8e-3), ("megabits per second", 1.0), ("MBytes/sec", 8.0),
    ],
)  # fmt: skip
def test_a_small_b_is_a_bit_and_a_large_one_a_byte(name, megabits, tmp_path):
    path = tmp_path / "one.csv"
    path.write_text(f"seconds,{name}\n0,2\n1,4\n2,6\n")
    assert read_recording(path).rate.tolist() == pytest.approx([2 * megabits, 4 * megabits, 6 * megabits])


@pytest.mark.parametrize("name", ["MBPS", "rate", "throughputbps"])
def test_a_unit_that_may_be_either_is_a_sentence(name, tmp_path):
    path = tmp_path / "one.csv"
    path.write_text(f"seconds,{name}\n0,2\n1,4\n")
    with pytest.raises(SeesawError, match="call it mbps"):
        read_recording(path)


def test_what_is_no_text_or_no_file_is_a_sentence(tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "bytes", tmp_path / "nothing", tmp_path):
        with pytest.raises(SeesawError, match="cannot be read"):
            read_recording(path)


def test_what_gzip_wrote_is_read_and_no_more_of_it_than_memory_should_hold(tmp_path, monkeypatch):
    path = tmp_path / "one.csv.gz"
    path.write_bytes(gzip.compress(b"seconds,mbps\n0,8\n1,16\n"))
    assert read_recording(path).rate.tolist() == [8, 16]
    path.write_bytes(gzip.compress(bytes(20_000)))
    monkeypatch.setattr(layouts, "MOST_BYTES", 10_000)
    with pytest.raises(SeesawError, match="unpacks to more than 10,000 bytes"):
        read_recording(path)
    for damaged in (
        gzip.compress(b"seconds,mbps\n0,8\n1,16\n")[:-9],
        b"\x1f\x8b",
        b"\x1f\x8b\x08" + bytes(30),
    ):
        path.write_bytes(damaged)
        with pytest.raises(SeesawError, match="cannot be read"):
            read_recording(path)


def test_packets_of_less_than_a_second_are_a_link_that_stays_as_it_is(tmp_path):
    recorded = read_recording(written(tmp_path, "1\n"))
    assert (recorded.rate.tolist(), recorded.lasts) == ([12.0], 0.001)  # 1,500 bytes each millisecond
    table = Recording(file=str(written(tmp_path, "1\n3\n3\n4\n", "more.txt"))).conditions(86_400, 0)
    assert (table.start.tolist(), table.up.tolist()) == ([0.0], [1500 / 1e-3])


def test_a_recording_begins_anew_behind_its_end_and_may_begin_inside(tmp_path):
    path = str(written(tmp_path, "seconds,mbps\n0,8\n1,16\n3,4\n"))
    table = Recording(file=path, rtt=20).conditions(6, 0)
    assert table.start.tolist() == [0, 1, 3, 4.5, 5.5]
    assert table.up.tolist() == [1e6, 2e6, 5e5, 1e6, 2e6]
    assert table.delay.tolist() == [0.01] * 5
    later = Recording(file=path, start=2, rates=2).conditions(3, 0)
    assert later.start.tolist() == [0, 1, 2.5]
    assert later.up.tolist() == [4e6, 1e6, 2e6]
    assert Recording(file=path, start=2 + 4.5 * 3, rates=2).conditions(3, 0).start.tolist() == [0, 1, 2.5]


def test_the_way_back_has_the_files_rate_or_its_own(tmp_path):
    path = str(written(tmp_path, "0 8\n1 16\n"))
    both = str(written(tmp_path, LAYOUTS["dates, and both ways"], "both.csv"))
    assert Recording(file=path).conditions(1, 0).down.tolist() == [1e6, 2e6]
    assert set(Recording(file=path, down=80).conditions(1, 0).down) == {1e7}
    assert Recording(file=both).conditions(0.5, 0).down == pytest.approx([99 * 125])


@pytest.mark.parametrize("name", ["norway-tram", "norway-bus", "norway-train"])
def test_the_recordings_here_last_five_minutes_and_are_named_with_their_source(name):
    recorded = read_recording(HERE / f"{name}.csv")
    assert 299 < recorded.lasts < 303
    assert 0.1 <= recorded.rate.min() < recorded.rate.max() < 6
    assert name in (HERE / "README.md").read_text()
    assert len(Recording(file=name).conditions(900, 0)) > 2.9 * len(recorded.rate)


def test_a_file_is_known_by_its_digest(tmp_path):
    path = written(tmp_path, "0 8\n1 16\n")
    assert Recording(file=str(path)).identity() == {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    with pytest.raises(SeesawError, match="cannot be read"):
        Recording(file="nowhere.csv").identity()


def test_a_short_recording_is_not_repeated_without_end(tmp_path):
    for second in ("0.000001", "1e-310"):
        path = str(written(tmp_path, f"0 8\n{second} 16\n"))
        with pytest.raises(SeesawError, match=r"would be repeated \S{3,9} times"):
            Recording(file=path).conditions(3600, 0)
