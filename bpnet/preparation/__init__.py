"""Preparation: from a config to encoded rows, in four stages; prepare.py is the recipe."""
