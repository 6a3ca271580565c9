"""The training doctor: it examines a network before, during and after its training."""

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
    """Watches one training, and reports each finding once; its history is the first replica's."""

    def __init__(
        self, training: Training, network: Network, rows: Rows, validation: Rows | None
    ) -> None:
        self._every, self._examiner = training.diagnose_every, Examiner(training, network, rows)
        summed = (training.loss or SquaredError()).rows == "sum"
        self._divisor = len(rows) if summed else 1
        self._validation_divisor = len(validation) if summed and validation is not None else 1
        self._history = History()
        self._reported: set[str] = set()
        self._diagnoses: list[tuple[int, Diagnosis]] = [(0, self._examiner.examine())]
        self.advice: list[str] = []
        """The findings of the last examination."""

    def note(self, record: Record) -> list[str]:
        """Take note of an epoch, and return new findings if the network is examined after it."""
        history, metrics = self._history, record.metrics
        history.loss.append(float(metrics["loss"][0]) / self._divisor)
        if "val_loss" in metrics:
            history.validation_loss.append(float(metrics["val_loss"][0]) / self._validation_divisor)
        history.gradient_norm.append(float(record.gradient_norm[0]))
        history.learning_rate.append(float(record.learning_rate[0]))
        if record.stops:
            history.stop = record.stops[0]
            if history.stop != "diverged":
                self._examine(record)
        elif self._every and record.epoch % self._every == 0:
            findings = self._examine(record)
            fresh = [finding for finding in findings if finding.about not in self._reported]
            self._reported.update(finding.about for finding in fresh)
            return [f"epoch {record.epoch}: {finding.text}" for finding in fresh]
        return []

    def finish(self) -> None:
        """Examine the parameters that are left if the last epoch's are lost or not finite."""
        if self._history.stop in (None, "diverged"):
            self._examine(None)

    def _examine(self, record: Record | None) -> list[Finding]:
        """Examine the network after the epoch of the record, and set the advice."""
        now = self._examiner.examine(record.before if record else None)
        self._diagnoses.append((len(self._history), now))
        findings = advise(self._diagnoses[0][1], now, self._history)
        self.advice = [finding.text for finding in findings]
        return findings

    def report(self) -> dict[str, Any]:
        """Return the content of diagnosis.json: the advice, and every diagnosis with its epoch."""
        looks = [{"epoch": epoch, **dataclasses.asdict(now)} for epoch, now in self._diagnoses]
        return {"advice": self.advice, "looks": looks}
