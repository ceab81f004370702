"""Pages, tables and figures computed from records, and from nothing else. Knows no torch."""
