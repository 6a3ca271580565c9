"""The tasks that a network can be trained for."""

from typing import Literal

Task = Literal["classification", "regression", "multilabel"]
