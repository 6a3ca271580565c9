"""Inspection: what a model does with a table's columns, asked by changing their cells."""
