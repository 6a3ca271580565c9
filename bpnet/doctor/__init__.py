"""The doctor: what goes wrong in a training, and the advice."""
