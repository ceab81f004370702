"""Records whose content somebody changed, or that were written long ago."""

import json

from bench.records.curve import Curve
from bench.records.record import Record
from bench.records.sealed import checksum


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
    points = [point.model_dump() for point in curve.outcomes]
    return {"policy": curve.policy, "reference": curve.reference, "points": points}
