"""What every test here runs under."""

from floating_point import floating_point_errors_raise

__all__ = ["floating_point_errors_raise"]
