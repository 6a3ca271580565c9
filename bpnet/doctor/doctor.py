"""The training doctor: it examines networks before, during and after their training."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bpnet.config.schema import Config
from bpnet.data.splitting import Part
from bpnet.doctor.constant import best_constant
from bpnet.doctor.diagnosis import Diagnosis
from bpnet.doctor.evidence import Evidence, Setup, is_linear
from bpnet.doctor.examiner import Examiner
from bpnet.doctor.finding import Finding
from bpnet.doctor.history import Chronicle
from bpnet.doctor.probe import Probe, probe
from bpnet.doctor.replicas import joint_findings
from bpnet.doctor.rules import advise
from bpnet.engine.loop.batches import Rows
from bpnet.engine.loop.record import Record
from bpnet.engine.losses import SquaredError
from bpnet.engine.network import Network
from bpnet.engine.stateful import StateDict

Losses = Mapping[Part, Mapping[str, float]]
"""The metrics of one network, `loss` among them: by part, then by name."""


class Doctor:
    """Watches a training: looks at the first replica while it goes on, and at each at its end.

    Parameters
    ----------
    configs
        For each replica its config, as given and resolved.
    network
        The network, before the first epoch.
    rows
        The encoded rows of each part.
    during
        Whether it looks at the network during training, where the config asks for that.
    """

    def __init__(
        self,
        configs: Sequence[tuple[Config, Config]],
        network: Network,
        rows: Mapping[Part, Rows],
        *,
        during: bool = True,
    ) -> None:
        linear = is_linear(network)
        self._setups = [Setup(given, resolved, linear) for given, resolved in configs]
        trainings = [setup.training for setup in self._setups]
        self._training, self._network, self._rows = trainings[0], network, rows
        self._loss = self._training.loss or SquaredError()
        self._examiner = Examiner(self._training, network, rows["train"], trainings)
        summed = self._loss.rows == "sum"
        self._sizes = {part: len(each) if summed else 1 for part, each in rows.items()}
        self._chronicle = Chronicle(self._sizes["train"], self._sizes.get("validation", 1))
        self._constant = best_constant(self._loss, rows)
        self._reported: set[str] = set()
        together, self._start = self._examiner.examine_each()
        self._now = self._start
        self._looks = [_look(0, together)]
        self._stopped = False
        self._every = self._training.diagnose_every if during else None
        self._kept: list[dict[Part, float]] = []
        self.findings: list[Finding] = []
        """The findings of the last look, of all replicas."""

    @property
    def advice(self) -> list[str]:
        """The alarms of the last look."""
        return [finding.text for finding in self.findings if finding.kind == "alarm"]

    @property
    def remarks(self) -> list[str]:
        """The remarks of the last look."""
        return [finding.text for finding in self.findings if finding.kind == "remark"]

    def state(self) -> dict[str, Any]:
        """Return what another doctor of the same training needs to go on from here."""
        return {
            "chronicle": self._chronicle.state(),
            "looks": list(self._looks),
            "reported": sorted(self._reported),
        }

    def load_state(self, state: StateDict) -> None:
        """Go on from a state; the network is as before the first epoch."""
        self._chronicle.load_state(state["chronicle"])
        self._looks, self._reported = list(state["looks"]), set(state["reported"])

    def note(self, record: Record) -> list[str]:
        """Take note of an epoch, and return new alarms if the network is examined after it."""
        self._chronicle.note(record)
        every = self._every
        if record.stops:
            self._stopped = set(record.stops) != {"diverged"}
            if self._stopped:
                self._examine(record)
        elif every and record.epoch % every == 0:
            self._examine(record, brief=True)
            findings = self.findings = advise(self._evidence(0))
            fresh = [finding for finding in findings if finding.about not in self._reported]
            self._reported.update(finding.about for finding in fresh)
            return [f"epoch {record.epoch}: {one.text}" for one in fresh if one.kind == "alarm"]
        return []

    def finish(self, metrics: Mapping[int, Losses], replicas: Sequence[int] | None = None) -> None:
        """Examine what is left of the training, and set the findings of the replicas, or of all.

        `metrics` has the final metrics of the kept weights, penalty included, of those replicas
        that the run keeps. The network has the kept weights.
        """
        if not self._stopped:  # the last epoch's parameters are lost, or not finite
            self._examine(None)
        with np.errstate(all="ignore"):  # of weights that are too large it is infinite
            penalties = self._examiner.penalties() * self._sizes["train"]
        self._kept = [
            {
                part: (values["loss"] - float(penalties[k])) / self._sizes[part]
                for part, values in metrics.get(k, {}).items()
            }
            for k in range(len(self._setups))
        ]
        shown = range(len(self._setups)) if replicas is None else replicas
        self.findings = self.findings_of(shown)

    def findings_of(self, replicas: Sequence[int]) -> list[Finding]:
        """Return the findings of some replicas that share a config, after `finish`."""
        evidences = [self._evidence(k) for k in replicas]
        if any(evidence.doubtful for evidence in evidences):
            found = self._probe()
            evidences = [dataclasses.replace(one, probe=found) for one in evidences]
        seeds = [self._network.seeds[k] for k in replicas]
        return joint_findings(evidences, seeds)

    def _probe(self) -> Probe:
        """Return the probe of the table, which is made once."""
        if self._probed is None:
            with self._network.untouched():
                self._probed = probe(self._network, self._rows["train"])
        return self._probed

    _probed: Probe | None = None

    def _examine(self, record: Record | None, *, brief: bool = False) -> None:
        """Examine the network after the epoch of the record."""
        before = record.before if record else None
        together, self._now = self._examiner.examine_each(before, brief=brief)
        self._looks.append(_look(len(self._chronicle), together))

    def _evidence(self, k: int) -> Evidence:
        """Return what is known of replica k."""
        kept = self._kept[k] if self._kept else {}
        return Evidence(
            setup=self._setups[k],
            start=self._start[k],
            now=self._now[k],
            history=self._chronicle.of(k),
            constant=self._constant,
            kept=kept or None,
            replica=k,
            sizes=self._sizes,
        )

    def report(self) -> dict[str, Any]:
        """Return the content of diagnosis.json: findings, and every diagnosis with its epoch."""
        kept = [losses for losses in self._kept if losses]
        return {
            "advice": self.advice,
            "findings": [finding.data() for finding in self.findings],
            "constant": dict(self._constant.losses),
            "kept": {part: float(np.mean([one[part] for one in kept])) for part in kept[0]}
            if kept
            else {},
            "looks": self._looks,
        }


def _look(epoch: int, diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis, and the epoch after which it was made, as data."""
    return {"epoch": epoch, **dataclasses.asdict(diagnosis)}
