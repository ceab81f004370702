"""Notes: the keys of a record's notes that are read elsewhere."""

PACKED = "weights sha256"
"""The key of a record's note that holds the fingerprint of its packed weights."""
COSTLY = "uncounted costly operators"
"""The key of a record's note of operators that its MACs leave out and that may cost as much as what they count."""
