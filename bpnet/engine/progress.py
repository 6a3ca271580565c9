"""Progress: the place of a training, by which layers, losses and optimizers change with time."""

from bpnet.engine.schedules import Schedule


class Progress:
    """The step that a network is about to take, from which bound parts read their schedules.

    A network has one, and its training loop moves it before each step. Outside training there is
    no such place: then every factor is 1, so that settings apply as they are written. That holds
    for validation and for the gradient check; a trace has the place of the steps that it shows.
    """

    def __init__(self) -> None:
        self._place: tuple[int, int, int] | None = None

    def move(self, step: int, steps_per_epoch: int, epochs: int) -> None:
        """Go to a step of a training, counted from 0 over all epochs."""
        self._place = step, steps_per_epoch, epochs

    def leave(self) -> None:
        """Leave the training, whose epoch is over."""
        self._place = None

    def factor(self, schedule: Schedule | None) -> float:
        """Return the schedule's factor at this place; without a schedule it is 1."""
        if schedule is None or self._place is None:
            return 1.0
        return schedule.factor(*self._place)
