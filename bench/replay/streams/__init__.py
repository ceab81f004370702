"""Policies that learn on a stream of samples: plays, sweeps, reports."""
