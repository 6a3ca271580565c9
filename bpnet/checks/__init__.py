"""Checks: the dangers that `bpnet check` looks for in a table, a kind in each module."""
