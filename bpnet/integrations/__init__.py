"""Integrations: trained models for other programs. Optional packages are imported only here."""
