"""Execution: sparse networks run by layers that skip what is not there, whole chains of them in one native call."""
