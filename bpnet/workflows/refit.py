"""The refit of a member: networks trained on all rows, for the epochs that it has kept."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.record import Record
from bpnet.engine.stateful import StateDict
from bpnet.models.build import build_model
from bpnet.models.threads import shared_work
from bpnet.preparation.encode import EncodedDataset
from bpnet.workflows.passes import Pass


class Refit(Pass):
    """Networks with these seeds that train on all rows for a number of epochs."""

    def __init__(self, prepared: EncodedDataset, seeds: Sequence[int], epochs: int) -> None:
        self._prepared, self._epochs = prepared, epochs
        super().__init__(build_model(prepared, seeds))

    def epochs(
        self, after_step: Callable[[], None], state: StateDict | None = None
    ) -> Generator[tuple[Record, Mapping[str, float]], None, None]:
        """Train, from a state if there is one, and yield the record of each epoch but the last."""
        training = replace(
            self._prepared.config.training, keep="last", early_stopping=None, target_loss=None
        )
        self.fitting = fit(
            training,
            self.network,
            self._prepared.rows["train"],
            after_step=after_step,
            state=None if state is None else state["fit"],
        )
        self.last = self.fitting.last
        with closing(self.fitting) as records, shared_work():
            for record in records if self._epochs else ():
                self.last = record
                if record.epoch >= self._epochs:
                    break
                yield record, {}
