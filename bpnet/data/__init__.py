"""Tables: reading them, checking their columns, splitting their rows, encoding them as arrays."""
