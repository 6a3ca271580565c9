"""Experiments: train, evaluate and predict as plain functions that tie config, data, engine and runs together."""
