"""What every test of the tables runs under: hypothesis repeats itself and minds no clock."""

from hypothesis import settings

settings.register_profile("data", deadline=None, derandomize=True, max_examples=60, database=None)
settings.load_profile("data")
