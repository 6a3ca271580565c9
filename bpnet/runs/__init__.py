"""The run directory: its layout, and the files that a run reads and writes there."""
