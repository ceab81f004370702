"""Defaults: by which policies, codecs and meters a run is measured where nothing else is asked."""

POLICIES = (
    "confidence", "entropy", "margin", "patience", "votes", "budgeted", "gates", "eenet",
    "fixed", "random", "never", "oracle",
)  # fmt: skip
CODECS = ("float32", "float16", "int8")
METERS = ("macs", "storage", "latency", "memory", "energy")
