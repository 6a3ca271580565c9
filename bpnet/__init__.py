"""bpnet: neural networks for tables, from one YAML file, with NumPy alone underneath."""

__version__ = "0.2.0"
