"""Trained models: an encoder and its networks, which turn tables into predictions."""
