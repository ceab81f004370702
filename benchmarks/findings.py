"""The boards' findings, computed a second time: `python benchmarks/findings.py [FOLDER OF RECORDS]`.

Reads the raw JSON of records with plain arithmetic, and imports nothing of `bench`: whoever doubts a sentence of the boards
can recompute it here. Prints JSON: for each board, recipe and machine, the networks that save more than four times by
the answer on their loss, the best method at each density, and what exits save in MACs and time.

Differences to the boards: a record counts unless a note contests it (its own faults are not looked for).
"""

import argparse
import json
import math
import statistics
from collections import defaultdict
from pathlib import Path

from bench.records import form

MARGIN, TIMES, LOSS, TIE = 0.005, 4, 0.005, 1e-9
OPEN = ("policies", "codecs", "meters", "values", "calibrate")


def quantile(level, freedom):
    """Student's t by bisection of its distribution function, which Simpson's rule integrates."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)

    def density(x):
        return scale * (1 + x * x / freedom) ** (-(freedom + 1) / 2)

    def below(x, steps=2000):
        width = x / steps
        odd = sum(density(width * n) for n in range(1, steps, 2))
        even = sum(density(width * n) for n in range(2, steps, 2))
        return 0.5 + width / 3 * (density(0) + 4 * odd + 2 * even + density(x))

    low, high = 0.0, 400.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle, 4000 if middle > 20 else 600) < level else (low, middle)
    return low


QUANTILES = {}


def t(level, freedom):
    if (level, freedom) not in QUANTILES:
        QUANTILES[level, freedom] = quantile(level, freedom)
    return QUANTILES[level, freedom]


def read(folder):
    """Records that nobody contests."""
    for path in sorted(Path(folder).glob("*/*/seed*.json")):
        if not path.with_suffix(".contested").exists():
            yield form.read(json.loads(path.read_text()))


def machine(record):
    name = record["machine"].get("accelerator") or record["machine"].get("processor") or "unknown processor"
    threads = record["machine"].get("threads")
    return f"{name}, {threads} thread{'' if threads == 1 else 's'}"


def plain(value):
    """Settings without those that are left open, and plugins without spec and origin."""
    if isinstance(value, dict):
        return {
            key: plain(one)
            for key, one in value.items()
            if one not in (None, [], {}, "") and one is not False and key not in ("spec", "origin")
        }
    return [plain(one) for one in value] if isinstance(value, list) else value


def training(setup, **changes):
    kept = {key: value for key, value in setup.items() if key not in OPEN} | changes
    return json.dumps(plain(kept), sort_keys=True)


def parent(setup):
    return training(setup, method={"name": "dense"}, cut=None, lean=None)


def data(setup):
    return json.dumps(
        [
            setup["task"]["name"],
            setup["task_version"],
            plain(setup["task"]["settings"]),
            setup["task_identity"],
            setup.get("calibrate"),
        ]
    )


def groups(records):
    """By board, training and type of values: the records, and by machine one of each seed."""
    own = defaultdict(list)
    for record in records:
        setup = record["setup"]
        own[data(setup), training(setup), setup.get("values")].append(record)
    return own


def one_a_seed(records, name):
    newest = {}
    for record in sorted(records, key=lambda one: (machine(one) == name, one["created"], one["digest"])):
        newest[record["seed"]] = record
    return newest


def top1(record, exit_=-1):
    return record["exits"][exit_]["readings"]["top1"]["value"]


def difference(own, other, exit_=-1):
    """Mean, half of the 95% and of the 90% interval, over the seeds that both have."""
    pairs = [top1(own[seed], exit_) - top1(other[seed], exit_) for seed in sorted(own.keys() & other.keys())]
    if len(pairs) < 2:
        return (pairs[0] if pairs else None), None, None
    error = statistics.stdev(pairs) / math.sqrt(len(pairs))
    return statistics.fmean(pairs), t(0.975, len(pairs) - 1) * error, t(0.95, len(pairs) - 1) * error


def verdict(mean, _, tested):
    if tested is None:
        return "cannot tell"
    if mean - tested >= -MARGIN - TIE:
        return "within"
    return "worse" if mean + tested < -MARGIN - TIE else "cannot tell"


def told(mean, half, _):
    return half is not None and abs(mean) > half + TIE


def packed(record):
    sizes = [
        one["value"] for name, one in record["exits"][-1]["readings"].items() if name.startswith("bytes.")
    ]
    return min(sizes, default=None)


def effective(record):
    reading = record["exits"][-1]["readings"].get("macs.effective")
    return None if reading is None else reading["value"]


def ratio(own, other, number):
    values = [
        [one for record in side.values() if (one := number(record)) is not None] for side in (own, other)
    ]
    return (
        statistics.fmean(values[1]) / statistics.fmean(values[0]) if all(values) and any(values[0]) else None
    )


def points(curve):
    """Of every operating point: MACs, accuracy, MACs and accuracy on the calibration split."""
    if curve.get("test") is None:
        for one in curve["points"]:
            yield one["macs"], one["accuracy"], one["calibration_macs"], one["calibration_accuracy"]
        return
    for number in range(len(curve["test"]["right"])):
        found = []
        for part in (curve["test"], curve["calibration"]):
            if part is None:
                found += [None, None]
                continue
            left, samples = part["left"][number], sum(part["left"][number])
            cost = sum(count / samples * cost for count, cost in zip(left, curve["costs"], strict=True))
            found += [cost, part["right"][number] / samples]
        yield tuple(found)


def shipped(curve):
    """The cheapest point on the calibration split within half a point of the best there."""
    some = [(one[2], -one[3], one) for one in points(curve) if one[3] is not None]
    best = max(-minus for _, minus, _ in some)
    return min(one for one in some if -one[1] >= best - LOSS - TIE)[2]


def chosen(record):
    """The policy with the fewest MACs on the calibration split, within a point of the best one there."""
    if len(record["exits"]) < 2:
        return None
    own = {one["policy"]: shipped(one) for one in record["curves"] if not one["reference"]}
    if not own:
        return None
    best = max(point[3] for point in own.values())
    able = {name: point for name, point in own.items() if point[3] >= best - 0.01}
    return min(able, key=lambda name: (able[name][2] or able[name][0], name))


def reliable(reading):
    return not reading.get("disturbed")


def walk(record, policy, batch):
    own = {
        one["policy"]: one["readings"]["latency"] for one in record.get("walks", []) if one["batch"] == batch
    }
    if policy not in own or None not in own or not all(reliable(own[key]) for key in (policy, None)):
        return None
    return own[None]["value"] / own[policy]["value"]


def exits(rows, name):
    """The median over networks of the mean over seeds: MACs saved, and time saved in batches of 1 and 64."""
    macs, times = [], {1: [], 64: []}
    for own in rows:
        names = [policy for record in own.values() if (policy := chosen(record))]
        if not names:
            continue
        policy = min(set(names), key=lambda one: (-names.count(one), one))
        saved = []
        for record in own.values():
            for curve in record["curves"]:
                if curve["policy"] == policy:
                    whole = curve["costs"][-1] if curve.get("costs") else effective(record)
                    saved.append(whole / shipped(curve)[0])
        macs.append(statistics.fmean(saved))
        for batch, values in times.items():
            here = [one for r in own.values() if machine(r) == name and (one := walk(r, policy, batch))]
            values += [statistics.fmean(here)] if here else []
    median = {str(batch): statistics.median(values) if values else None for batch, values in times.items()}
    return {"macs": statistics.median(macs), "time": median} if macs else None


def best(rows, density):
    """The most accurate of the methods at a density on one network, and how many cannot be told from it."""
    own = max(rows, key=lambda row: statistics.fmean(map(top1, row["own"].values())))
    alike = sum(one is not own and not told(*difference(one["own"], own["own"])) for one in rows)
    mean, half, _ = difference(own["own"], own["parent"])
    return {
        "network": own["network"], "density": density, "method": own["method"], "of": len(rows), "alike": alike,
        "top1": statistics.fmean(map(top1, own["own"].values())), "loss": [mean, half],
    }  # fmt: skip


def fields(folder):
    """What is found in each board, recipe and machine."""
    everything, lines = groups(read(folder)), defaultdict(list)
    for (board, _, values), records in everything.items():
        setup = records[0]["setup"]
        recipe = json.dumps([setup["weights"] is not None, setup["recipe"]], sort_keys=True)
        dense = everything.get((board, parent(setup), None), [])
        for name in sorted({machine(record) for record in records}):
            row = {
                "own": one_a_seed(records, name), "parent": one_a_seed(dense, name), "method": setup["method"]["name"],
                "density": setup["method"]["settings"].get("density"),
                "network": json.dumps([setup["backbone"]["spec"], setup["exits"]["spec"], values, setup.get("cut"), setup.get("lean") or False]),
            }  # fmt: skip
            lines[board, recipe, name].append(row)
    for (board, recipe, name), rows in sorted(lines.items()):
        yield board, json.loads(recipe)[1].get("epochs"), name, rows


def found(board, epochs, name, rows):
    ranked = [row for row in rows if len(row["own"]) >= 3]
    smaller = [row for row in ranked if row["method"] != "dense" and row["parent"]]
    saving = [
        row
        for row in smaller
        if all((ratio(row["own"], row["parent"], number) or 0) > TIMES for number in (packed, effective))
    ]
    verdicts = [verdict(*difference(row["own"], row["parent"])) for row in saving]
    at = defaultdict(list)
    for row in ranked:
        longer = statistics.fmean(record["budget"] for record in row["own"].values()) > 1.05
        if row["density"] and row["method"] != "dense" and not longer:
            at[row["network"], row["density"]].append(row)
    return {
        "task": json.loads(board)[0], "recipe": epochs, "machine": name, "networks": len(smaller), "saving": len(saving),
        **{key: verdicts.count(key) for key in ("within", "worse", "cannot tell")},
        "best": [best(own, density) for (_, density), own in sorted(at.items())],
        "exits": exits([row["own"] for row in ranked], name),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    published = Path(__file__).parents[1] / "leaderboards" / "records"
    parser.add_argument(
        "folder", nargs="?", type=Path, default=published, help="of records; left out: the published ones"
    )
    print(json.dumps([found(*one) for one in fields(parser.parse_args().folder)], indent=1))
