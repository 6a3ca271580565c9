"""The training doctor: looks at a network before, during and after its training, and says each finding once."""

import dataclasses
from typing import Any

from bpnet.doctor.advice import Finding, History, advise
from bpnet.doctor.diagnosis import Diagnosis, Examiner
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.fit import Record
from bpnet.engine.loop.settings import Training
from bpnet.engine.losses import SquaredError
from bpnet.engine.network import Network


class Doctor:
    """Watches one training; the first replica's figures are the history."""

    def __init__(
        self, training: Training, network: Network, rows: Rows, validation: Rows | None
    ) -> None:
        self._every, self._examiner = training.diagnose_every, Examiner(training, network, rows)
        summed = (training.loss or SquaredError()).rows == "sum"
        self._divisor = len(rows) if summed else 1
        self._validation_divisor = len(validation) if summed and validation is not None else 1
        self._history = History()
        self._told: set[str] = set()
        self._looks: list[tuple[int, Diagnosis]] = [(0, self._examiner.look())]
        self.advice: list[str] = []
        """What the last look found."""

    def note(self, record: Record) -> list[str]:
        """Take note of an epoch; what is found for the first time, where this is an epoch to look in."""
        history, metrics = self._history, record.metrics
        history.loss.append(float(metrics["loss"][0]) / self._divisor)
        if "val_loss" in metrics:
            history.validation_loss.append(float(metrics["val_loss"][0]) / self._validation_divisor)
        history.gradient_norm.append(float(record.gradient_norm[0]))
        history.learning_rate.append(float(record.learning_rate[0]))
        if record.stops:
            history.stop = record.stops[0]
            if history.stop != "diverged":
                self._look(record)
        elif self._every and record.epoch % self._every == 0:
            fresh = [finding for finding in self._look(record) if finding.about not in self._told]
            self._told.update(finding.about for finding in fresh)
            return [f"epoch {record.epoch}: {finding.text}" for finding in fresh]
        return []

    def finish(self) -> None:
        """Look at the parameters that are left, where the last epoch's are lost or not finite."""
        if self._history.stop in (None, "diverged"):
            self._look(None)

    def _look(self, record: Record | None) -> list[Finding]:
        now = self._examiner.look(record.before if record else None)
        self._looks.append((len(self._history), now))
        found = advise(self._looks[0][1], now, self._history)
        self.advice = [finding.text for finding in found]
        return found

    def report(self) -> dict[str, Any]:
        """What diagnosis.json holds: the advice, and every look with its figures layer by layer."""
        looks = [{"epoch": epoch, **dataclasses.asdict(look)} for epoch, look in self._looks]
        return {"advice": self.advice, "looks": looks}
