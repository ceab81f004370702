import io

import numpy as np
from rich.console import Console

from bench.replay.streams.entrants import entrants
from bench.replay.streams.report import stream_table
from bench.replay.streams.stream import Stream
from bench.replay.streams.sweep import Sweep


def shown(samples=300, exits=3, shuffles=2, policies=("splitee", "oracle"), width=100, **sweep):
    """The table of a sweep, as a terminal of some width shows it."""
    rng = np.random.default_rng(0)
    confidences = np.clip(rng.normal(np.linspace(0.6, 0.9, exits), 0.1, (samples, exits)), 0, 1)
    stream = Stream(confidences, rng.random((samples, exits)) < confidences)
    players = entrants(policies, sweep)
    online = [(name, one) for (name, _), one in players.online.items()]
    replay = Sweep(stream, stream.arms(), online, list(players.guests.items()), shuffles)
    console = Console(file=io.StringIO(), width=width)
    console.print(stream_table(replay, replay.run(1)))
    return console.file.getvalue()


def test_no_number_and_no_head_is_cut_where_names_are_long_and_two_terms_are_swept():
    names = ("sliding-window[window=123456789]", "splitee[c=0.25,start=booked,head=0.4]", "oracle")
    text = shown(policies=names, offload=["0.1", "0.25"], alpha=["0.6", "0.75"])
    assert "…" not in text
    assert "offload" in text


def test_one_of_anything_is_not_shown_as_several():
    text = " ".join(shown(samples=1, exits=1, shuffles=1).split())
    assert text.startswith("1 sample, 1 exit, 1 reshuffling, 95% intervals; alpha 0.7")
    assert "depth is 1 layer." in text
    assert shown(samples=2000).startswith("2,000 samples, 3 exits, 2 reshufflings, 95%")
