"""Runs of experiments: one, or many (sweeps, searches, calibrations)."""
