"""Tests of the price history."""
