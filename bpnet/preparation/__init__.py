"""Preparation: from a config to encoded rows, every default resolved and every contradiction refused."""
