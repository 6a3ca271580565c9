"""Trackers: programs that show trainings, and what is written for each of them."""
