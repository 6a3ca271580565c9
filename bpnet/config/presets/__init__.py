"""Presets: whole configs for a table of given size, of which a user changes a few keys."""
