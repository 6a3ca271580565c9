"""The report of `bpnet train`: final metrics of each part, the doctor's advice, and what to type next."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bpnet.reports.text import counted, table
from bpnet.runs.metrics import deviations

if TYPE_CHECKING:
    from bpnet.workflows.train import TrainResult


def trained_lines(trained: "TrainResult") -> Iterator[str]:
    """The final figures of each part, where the run is, and what to type next."""
    ended = {
        "epochs": "all epochs done",
        "early_stopping": "early stopping",
        "target_loss": "target loss reached",
    }[trained.stop_reason]
    spent = f"{counted(trained.epochs, 'epoch')} in {trained.seconds:.2f} s"
    yield f"\n{ended} after {spent}; kept the weights of {_kept(trained)}\n"
    names = list(next(iter(trained.figures.values())))
    spread = (
        deviations([replica.figures for replica in trained.replicas])
        if len(trained.replicas) > 1
        else None
    )
    rows = [
        [
            part,
            *(
                f"{figures[name]:.4g}" + (f" ± {spread[part][name]:.2g}" if spread else "")
                for name in names
            ),
        ]
        for part, figures in trained.figures.items()
    ]
    if spread:
        yield f"means of {len(trained.replicas)} replicas, with their standard deviations\n"
    yield from table(["", *names], rows, numbers=True)
    if trained.advice:
        yield "\nThe doctor's advice:"
        yield from (f"- {line}" for line in trained.advice)
    after = (
        f"bpnet eval {trained.run}"
        if "test" in trained.figures
        else f"bpnet predict {trained.run} DATA.csv"
    )
    yield f"\nRun directory: {trained.run}\nNext:          {after}"


def _kept(trained: "TrainResult") -> str:
    epochs = [replica.best_epoch for replica in trained.replicas]
    return f"epoch {epochs[0]}" if len(epochs) == 1 else f"epochs {min(epochs)} to {max(epochs)}"
