"""The run directory: its layout, atomic writes, logs and weights."""
