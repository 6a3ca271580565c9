"""The training engine: NumPy arrays in, trained parameters out; it knows no tables, files or screens."""
