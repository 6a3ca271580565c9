"""The HTML pages of figures and runs: one file each, which fetches nothing."""
