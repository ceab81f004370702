"""Policies that decide for each sample alone: operating points, curves, calibration."""
