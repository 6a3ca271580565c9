"""The rhythm of checkpoints: after how many epochs, or how much time, the next is due."""

import time
from collections.abc import Callable

from bpnet.config.checkpoint import Checkpoint


class Rhythm:
    """When a training's next checkpoint is due."""

    def __init__(self, settings: Checkpoint) -> None:
        self._epochs = settings.every_epochs
        self._seconds = float("inf") if settings.every_seconds is None else settings.every_seconds
        self._time = time.perf_counter()
        self.decided: Callable[[], bool] | None = None
        """Where several processes train, what tells whether the time has come in the first one."""

    def time_has_come(self) -> bool:
        """Return True if the time has come by the clock of this process."""
        return time.perf_counter() - self._time >= self._seconds

    def due_after_step(self) -> bool:
        """Return True if the time has come; a step may be in the middle of an epoch."""
        return self.time_has_come() if self.decided is None else self.decided()

    def due_after_epoch(self, epoch: int) -> bool:
        """Return True if the time has come, or the number of epochs is reached."""
        return (self._epochs is not None and epoch % self._epochs == 0) or self.due_after_step()

    def restart(self) -> None:
        """Count the time from now on."""
        self._time = time.perf_counter()
