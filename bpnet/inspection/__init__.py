"""Inspection: what a table holds, and what training on it would do, without training."""
