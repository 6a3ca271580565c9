"""Scoring: the metrics of predictions by scikit-learn, with bootstrap intervals, and baselines."""
