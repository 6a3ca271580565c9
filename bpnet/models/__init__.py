"""Trained models: from an encoder and networks to predictions."""
