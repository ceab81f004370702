"""Defaults: the policies, codecs and meters of a run that names none."""

POLICIES = (
    "confidence", "entropy", "margin", "patience", "votes", "budgeted", "gates", "eenet",
    "fixed", "random", "never", "oracle",
)  # fmt: skip
CODECS = ("float32", "float16", "int8")
METERS = ("macs", "storage", "latency", "memory", "energy")
