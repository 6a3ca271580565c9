"""The YAML config: its text, its schema, its defaults."""
