"""Scoring: figures of predictions by scikit-learn, with bootstrap intervals, beside those of simple models."""
