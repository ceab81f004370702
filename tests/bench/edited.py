"""Records whose content somebody changed, or that were written long ago."""

import json
from dataclasses import asdict

from bench.records import form
from bench.records.curve import Curve
from bench.records.record import Record
from bench.records.sealed import checksum


def values_of(path):
    """The JSON values of a written file, in whatever form it lies."""
    return form.read(json.loads(path.read_text()))


def edited(record, change, *, sealed=True):
    """The record with its JSON changed, and its checksum made anew as a forger would."""
    told = json.loads(record.model_dump_json())
    change(told)
    if sealed:
        told["checksum"] = checksum(told)
    return Record.model_validate(told)


def set_(*place, value):
    def change(told):
        for key in place[:-1]:
            told = told[key]
        told[place[-1]] = value

    return change


def slower(factor, *parts):
    """Let a network take so many times as long to its exits, in the parts at its cuts and on walks, or where it says."""

    def change(told):
        for place in (one for part in parts or ("exits", "cuts", "walks") for one in told[part]):
            for name, one in place["readings"].items():
                if name.partition(".")[0] in ("latency", "routing"):
                    one.update({end: one[end] * factor for end in ("value", "low", "high")})

    return change


def sending(payload):
    """Let a sample send so many bytes at the inner cut of a made record, and its frame 16 more."""

    def change(told):
        cut, payloads = told["cuts"][1], {"payload": int(payload), "framed": int(payload) + 16}
        cut["shape"] = [payloads["payload"] - 8]
        cut["readings"]["volume.int8"]["value"] = payloads["payload"]
        for name, size in payloads.items():
            cut["readings"][f"{name}.int8"].update(value=size, low=size, high=size)
            for early in cut["early"]:
                early["behind"]["int8"][name] = size * (200 - early["device"])

    return change


def aged(*changes):
    """Make it a record of version 1, whose curves hold points and which knows no walks and no policies at cuts; then the changes."""

    def change(told):
        curves = map(Curve.model_validate, told["curves"])
        told |= {"schema_version": 1, "walks": [], "curves": [_of_points(curve) for curve in curves]}
        told["cuts"] = [cut | {"early": []} for cut in told["cuts"]]
        for one in changes:
            one(told)

    return change


def _of_points(curve):
    points = [asdict(point) for point in curve.outcomes]
    return {"policy": curve.policy, "reference": curve.reference, "points": points}


def beside_engines(
    record, way="Quick 1.0", rows=({"way": "Quick 1.0", "seconds": 1e-3}, {"way": "dense", "seconds": 2e-3})
):
    """A made record of a sparse network that was held against an engine; `rows` are its note of dense ways."""
    ratio = record.exits[0].readings["speedup"].model_dump()
    ratio |= {"source": f"fastest ({way}), clock", "value": 2.0, "low": 1.5, "high": 2.5}

    def change(values):
        for exit_ in values["exits"]:
            exit_["readings"]["speedup.fastest"] = ratio
        if rows is not None:
            values["notes"]["dense ways"] = list(rows)

    return edited(record, change)
