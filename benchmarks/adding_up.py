"""Seconds, joules, bytes and right answers of a deployment, added up request by request by a program of its own.

    seesaw deploy --record R.json --channel 'recording[file=link.csv,radio=lte]' --policy dynamic --keep --out requests.csv
    seesaw show DEPLOYMENT.json --json > deployment.json && seesaw show R.json --json > run.json
    python benchmarks/adding_up.py deployment.json run.json requests.csv RUN --link link.csv

It needs numpy and shares no code with Seesaw. Of requests.csv it takes what was decided: moment, sample, cut, codec, and the exit that
answered on the device. The rest it counts: from the profiles in the record, the bytes and answers in the folder RUN, a recording with
the columns seconds and mbps, and the power of the radio. Each line and each sum of the record is held against that. It knows one
device and a server that takes requests one by one, over a link that loses nothing.
"""

import argparse
import csv
import json
import struct
import sys
from pathlib import Path

import numpy as np

RADIOS = {
    "lte": (1.28804, 438.39e-9, 11.576, 1.060),
    "wifi": (0.13286, 283.17e-9, 0.238, 0.1193),
    None: (0.0, 0.0, 0.0, 0.0),
}
"""Watts, joules a bit, seconds and watts of the tail: Huang et al., MobiSys 2012."""
STEPS = (
    "waiting for the device", "device", "waiting for the link", "sending", "on the way", "waiting for the server", "server",
    "the way back",
)  # fmt: skip
KINDS = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4", "I16": "<i2", "U8": "u1", "BOOL": "?"}


def tensors(path):
    """The tensors of a safetensors file: eight bytes of length, a head in JSON, numbers."""
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    head = {name: one for name, one in json.loads(data[8:start]).items() if name != "__metadata__"}
    cut = {
        name: data[start + one["data_offsets"][0] : start + one["data_offsets"][1]]
        for name, one in head.items()
    }
    return {
        name: np.frombuffer(cut[name], KINDS[one["dtype"]]).reshape(one["shape"])
        for name, one in head.items()
    }


class Link:
    """A recording that begins anew behind its end, walked piece by piece."""

    def __init__(self, path, times, watts, joules_per_byte):
        rows = np.array([[float(one["seconds"]), float(one["mbps"])] for one in csv.DictReader(path.open())])
        self.start, self.rate = rows[:, 0] - rows[0, 0], rows[:, 1] * times * 1e6 / 8
        self.lasts = self.start[-1] + np.median(np.diff(self.start))
        self.watts, self.joules_per_byte = watts, joules_per_byte

    def carry(self, moment, count):
        """The moment of the last byte of a payload, and the joules of sending it."""
        joules, whole, piece = (
            0.0,
            moment // self.lasts,
            np.searchsorted(self.start, moment % self.lasts, "right") - 1,
        )
        while True:
            end = whole * self.lasts + (self.start[piece + 1] if piece + 1 < len(self.start) else self.lasts)
            rate = self.rate[piece]
            power = self.watts + self.joules_per_byte * rate
            if rate * (end - moment) >= count:
                taken = count / rate if count else 0.0
                return moment + taken, joules + power * taken
            joules, count, moment = joules + power * (end - moment), count - rate * (end - moment), end
            whole, piece = (whole, piece + 1) if piece + 1 < len(self.start) else (whole + 1, 0)


def computed(policy, side, stages, cut, codec, left):
    """Seconds of the device for a request: its part, the encoder, and the heads on the way that the policy looks at."""
    name, heads, before = policy.partition("[")[0], side["heads"], sum(stage < cut for stage in stages)
    looks = (
        "all"
        if name in ("splitee-s", "i-splitee") or "threshold=" in policy
        else "last"
        if name in ("splitee", "hi-lcb")
        else ""
    )

    asked = min(before, len(heads) - 1)
    first = {"all": 0, "last": max(before - 1, 0), "": asked}[looks]
    if left is not None and first <= left < asked:
        return side["exits"][left] - heads[left] + sum(heads[first : left + 1])
    encoder = sum(seconds for k, one, seconds in side["encoders"] if (k, one) == (cut, codec))
    return side["device"][cut] + encoder + sum(heads[first:asked])


def added(deployment, run, lines, folder, link_file):
    """What each policy's requests come to: by policy, (steps (N, 8), joules (N, 3), bytes (N,), right (N,)) of its lines in order."""
    settings, there = deployment["way"]["channel"]["settings"], deployment["circumstances"]
    strange = [one for one in ("loss", "start", "down") if settings.get(one)]
    strange += [one for one in ("batching", "load", "load_moments", "fallback") if there.get(one)]
    if strange or there["devices"] > 1:
        raise SystemExit(f"This program knows no {', '.join(strange) or 'other devices'}. Deploy without.")
    watts, bit, tail_seconds, tail_watts = RADIOS[settings.get("radio")]
    link, delay = Link(link_file, settings["rates"], watts, 8 * bit), settings["rtt"] / 2000
    crossed, trace, stages = (
        tensors(folder / "crossings.safetensors"),
        tensors(folder / "test.safetensors"),
        [one["stage"] for one in run["exits"]],
    )
    place = {int(sample): number for number, sample in enumerate(crossed["samples"])}
    answers, labels, found = trace["logits"].argmax(2), trace["labels"], {}
    for policy in dict.fromkeys(line["policy"] for line in lines):
        device = free = server = back = 0.0
        steps, joules, sizes, right, sends = [], [], [], [], []
        for line in (one for one in lines if one["policy"] == policy):
            at, cut, codec, sample = float(line["at"]), int(line["cut"]), line["codec"], int(line["sample"])
            left = int(line["exit"]) if line["exit"] else None
            begin = max(at, device)
            device = begin + computed(policy, deployment["device"], stages, cut, codec, left)
            moments, size, radio = [at, begin] + 7 * [device], 0, 0.0
            good = left is not None and answers[left, sample] == labels[sample]
            if left is None:
                size = int(crossed[f"{cut}/{codec}/framed"][place[sample]])
                good = crossed[f"{cut}/{codec}/answers"][-1, place[sample]] == labels[sample]
                sends.append((len(steps), max(device, free)))
                free, radio = link.carry(max(device, free), size)
                arrived = free + delay
                decoder = sum(
                    seconds
                    for k, one, seconds in deployment["server"]["decoders"]
                    if (k, one) == (cut, codec)
                )
                served = max(arrived, server)
                server = served + deployment["server"]["server"][cut] + decoder
                back, _ = link.carry(max(server, back), there["reply"])
                moments[3:] = [sends[-1][1], free, arrived, served, server, back + delay]
            steps.append(np.diff(moments))
            power = deployment["device"]["watts"]
            joules.append([np.nan if power is None else power * steps[-1][1], radio, 0.0])
            sizes.append(size)
            right.append(good)
        for (number, start), (_, after) in zip(sends, [*sends, (None, np.inf)][1:], strict=True):
            last = start + steps[number][3]  # of the byte behind which the radio stays awake
            joules[number][2] = tail_watts * min(after - last, tail_seconds)
        found[policy] = np.array(steps), np.array(joules), np.array(sizes), np.array(right)
    return found


def differences(deployment, found, lines):
    """A sentence for each number of the lines and of the record that was added up to another."""
    outcomes = {one["policy"]: one for one in deployment["outcomes"]}
    for policy, (steps, joules, sizes, right) in found.items():
        own, outcome = [one for one in lines if one["policy"] == policy], outcomes[policy]
        columns = {f"{step}, s": steps[:, number] for number, step in enumerate(STEPS)} | {
            "seconds": steps.sum(1),
            "bytes": sizes,
            "right": right,
        }
        columns |= {
            name: joules[:, number] for number, name in enumerate(("compute, J", "radio, J", "tail, J"))
        }
        for name, values in columns.items():
            written = np.array([float(one[name] or "nan") for one in own])
            off = ~np.isclose(written, values, rtol=1e-6, atol=1e-9, equal_nan=True)
            if off.any():
                number = int(off.argmax())
                yield f"{policy}: {name} of request {number} is {written[number]:.9g}, and {values[number]:.9g} by addition; {off.sum()} such requests."
        sums = {
            "right": right.sum(),
            "bytes": sizes.sum(),
            "radio": joules[:, 1].sum(),
            "tail": joules[:, 2].sum(),
            "compute": joules[:, 0].sum(),
        }
        pairs = [(key, outcome[key], value) for key, value in sums.items() if not np.isnan(value)]
        pairs += [
            (step, outcome["steps"][number], steps[:, number].mean()) for number, step in enumerate(STEPS)
        ]
        yield from (
            f"{policy}: {key} is {recorded:.9g} in the record, and {value:.9g} by addition."
            for key, recorded, value in pairs
            if not np.isclose(recorded, value, rtol=1e-6, atol=1e-9)
        )


def main():
    """Add up and compare; ends with 1 where a number differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("deployment", type=Path, nargs="?", help="deployment record, by seesaw show --json")
    parser.add_argument("run", type=Path, nargs="?", help="record of its run, in the same way")
    parser.add_argument("requests", type=Path, nargs="?", help="file that seesaw deploy --out wrote")
    parser.add_argument(
        "folder", type=Path, nargs="?", help="the run's, with crossings.safetensors and test.safetensors"
    )
    parser.add_argument("--link", type=Path, help="recording: columns seconds and mbps")
    asked = parser.parse_args()
    if asked.folder is None or asked.link is None:
        print(
            "It needs a deployment, its run, its requests, the run's folder and a recording: name them (--help)."
        )
        return 0
    deployment, run = (json.loads(path.read_text()) for path in (asked.deployment, asked.run))
    lines = list(csv.DictReader(asked.requests.open()))
    found = added(deployment, run, lines, asked.folder, asked.link)
    off = list(differences(deployment, found, lines))
    print("\n".join(off or [f"{len(lines):,} requests of {len(found)} policies add up to what was written."]))
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
