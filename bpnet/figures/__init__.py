"""Figures: each declared once, as a Vega-Lite specification with its numbers and its words."""
