"""Benchmarks: ``make bench`` runs them all and prints what they measured. Never a timed test."""
