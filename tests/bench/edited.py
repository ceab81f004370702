"""Records whose content somebody changed."""

import json

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
