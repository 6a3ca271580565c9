"""The evidence of a training: what a rule reads, and how well the training ended."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Literal

from bpnet.config.schema import Config
from bpnet.data.splitting import Part
from bpnet.doctor.constant import Constant
from bpnet.doctor.diagnosis import Diagnosis, LayerReport
from bpnet.doctor.finding import Kind
from bpnet.doctor.history import History, largest, latest
from bpnet.doctor.probe import Probe
from bpnet.engine.activations import Identity
from bpnet.engine.layers import BatchNormalization, Dense, Dropout, Embedding, Scale
from bpnet.engine.loop.settings import Training
from bpnet.engine.network import Network

Outcome = Literal["diverged", "little", "behind", "rough", "fine"]
"""How a training ended: without a finite loss, near the loss of a constant prediction, far behind
what the table allows, not well after jumps of the loss, or none of these."""

STUCK = 0.9
"""Share of the loss of a constant prediction above which little was learned."""

HALF_A_VARIANCE = 0.5
"""The log loss of a Gaussian's own variance, in nats; of a loss per row that is higher, as of many
classes or of an error in another unit, no more is taken for the loss of a constant prediction."""

DOUBTFUL = 0.5
"""Share of that loss above which the network is compared with a probe of the table."""

ROUGH = 3
"""Multiple of the loss of chance, and of the first loss, to which only steps too large raise it."""

LEARNED = 0.1
"""Share of the loss of chance below which a network has learned well."""

STEADY = 1e-3
"""Share of the loss of chance by which a steady loss rises at most in an epoch."""

BEHIND, UNEXPLAINED = 0.15, 0.65
"""A network is behind the probe if its R² is lower by the first, and the variance that the probe
leaves is less than this share of what the network leaves."""


@dataclass(frozen=True)
class Setup:
    """The config of a training as it was given and with every default written out."""

    given: Config
    resolved: Config
    linear: bool
    """True if no layer of the network has an activation that bends."""

    @property
    def training(self) -> Training:
        """The settings of the training."""
        return self.resolved.training


def is_linear(network: Network) -> bool:
    """Return True if the scores are a linear function of the inputs and vectors."""
    return all(
        isinstance(layer, Dense | Dropout | Embedding | BatchNormalization | Scale)
        for layer in network.layers
    ) and all(
        isinstance(getattr(layer, "activation", Identity()), Identity)
        for layer in network.layers[:-1]
    )


@dataclass(frozen=True)
class Evidence:
    """All that is known of one replica's training, of which the rules make findings."""

    setup: Setup
    start: Diagnosis
    """Before the first epoch."""
    now: Diagnosis
    """After the last epoch so far."""
    history: History
    constant: Constant
    kept: Mapping[Part, float] | None = None
    """The loss of the kept weights on each part, without penalty; None while training goes on."""
    probe: Probe | None = None
    """A probe of the table, made only if the outcome is in doubt."""
    replica: int = 0
    sizes: Mapping[Part, int] = field(default_factory=dict)
    """The rows of each part whose losses the reported one sums; none where it is their mean."""

    @property
    def training(self) -> Training:
        """The settings of the training."""
        return self.setup.training

    @property
    def chance(self) -> float:
        """The loss per row of the best constant prediction, on the training rows."""
        return self.constant.losses["train"]

    @property
    def final(self) -> bool:
        """True if the training has ended by itself."""
        return self.history.stop is not None

    def loss_text(self, loss: float, part: Part = "train", digits: int = 3) -> str:
        """Return a loss per row as text, as the log and the tables have that of a part."""
        return f"{loss * self.sizes.get(part, 1):.{digits}g}"

    @cached_property
    def reached(self) -> float:
        """The training loss of the kept weights, else that of the last epochs, without penalty."""
        if self.kept is not None:
            return self.kept["train"]
        return latest(self.history.loss) - self.now.penalty if len(self.history) else math.inf

    @cached_property
    def held_out(self) -> float | None:
        """The loss of the kept weights on the validation and test rows, as a share of chance there.

        Both parts together, since either may be few rows.
        """
        constant = self.constant
        parts = [part for part in self.kept or {} if part != "train"]
        chance = sum(constant.rows[part] * constant.losses[part] for part in parts)
        if self.kept is None or not chance > 0:
            return None
        return sum(constant.rows[part] * self.kept[part] for part in parts) / chance

    @cached_property
    def held_out_gain(self) -> float:
        """The held-out rows' log likelihood over that of a constant prediction, in nats.

        Of a class it is the loss itself; of a standardized number half the squared error.
        """
        parts = [part for part in self.kept or {} if part != "train"]
        rows = sum(self.constant.rows[part] for part in parts)
        if self.held_out is None:
            return 0.0
        return rows * (1 - self.held_out) * min(self.chance, HALF_A_VARIANCE)

    @cached_property
    def outcome(self) -> Outcome:
        """The outcome of the training, so far or in the end."""
        if self.history.stop == "diverged":
            return "diverged"
        if not self.reached < STUCK * self.chance and self.chance > 0:
            return "little"
        if self._behind:
            return "behind"
        held = self.held_out
        doubts = self.reached > LEARNED * self.chance or (held is not None and held > 1)
        return "rough" if self.final and self.jump is not None and doubts else "fine"

    @cached_property
    def jump(self) -> tuple[float, float] | None:
        """The first loss and the largest finite one, if only steps too large raise it so far."""
        begin = self.start.loss + self.start.penalty
        most = largest(self.history.loss)
        rose = most > ROUGH * max(self.chance, begin)
        return (begin, most) if rose else None

    @property
    def doubtful(self) -> bool:
        """True if a probe of the table is worth its time."""
        held = self.held_out
        share = DOUBTFUL * self.chance
        return self.final and (not self.reached < share or (held is not None and held > STUCK))

    @property
    def _behind(self) -> bool:
        """True if the probe predicts rows left out far better than the network its own."""
        best = self.probe.best if self.probe else None
        if self.probe is None or best is None or self.reached < DOUBTFUL * self.chance:
            return False
        network = self.probe.networks[self.replica]
        return best - network > BEHIND and 1 - best < UNEXPLAINED * (1 - network)

    @property
    def symptom(self) -> Kind:
        """The kind of a finding that matters only if the training did not end well."""
        return "remark" if self.outcome == "fine" else "alarm"

    @cached_property
    def steady(self) -> bool:
        """True if the loss never rose noticeably from one epoch to the next."""
        losses = self.history.loss
        return len(losses) > 1 and all(
            after - before <= STEADY * self.chance for before, after in pairwise(losses)
        )

    @property
    def learned_well(self) -> bool:
        """True if the training ended well, and far below the loss of chance."""
        return self.outcome == "fine" and self.reached < LEARNED * self.chance

    @property
    def learnable(self) -> float | None:
        """The best R² of the probe on rows left out, None if it is not known."""
        return self.probe.best if self.probe else None

    @property
    def outcome_text(self) -> str:
        """The outcome of the training, with its numbers."""
        if self.outcome == "diverged":
            return "the loss is no longer a finite number"
        loss, chance = self.loss_text(self.reached), self.loss_text(self.chance)
        ended = f"the loss{' without the penalty' if self.now.penalty else ''} ended at {loss}"
        if self.outcome == "little":
            return f"little was learned ({ended}, where a constant prediction has {chance})"
        if self.outcome == "rough":
            return f"{ended}, where a constant prediction has {chance}"
        best = self.learnable or 0.0
        network = self.probe.networks[self.replica] if self.probe else 0.0
        return (
            f"less was learned than the table allows (R² {network:.2f} on the training rows, "
            f"where a kernel regression has {best:.2f} on rows left out)"
        )

    @property
    def hidden(self) -> list[tuple[LayerReport, LayerReport]]:
        """The reports before training and now of each hidden layer of the config."""
        pairs = zip(self.start.layers[:-1], self.now.layers[:-1], strict=True)
        return [(first, now) for first, now in pairs if now.sums_inputs]

    @property
    def moved(self) -> float:
        """The longest way of a layer's weights, over the norm of its first ones."""
        return max((one.moved for one in self.now.layers if one.moved is not None), default=0.0)
