"""The report of quality.py: bpnet's models inside the table of peers, and the goals."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from measuring import show
from quality_peers import CORE, SLOW, Figures
from quality_results import Mean
from quality_scores import average_ranks, errors, mean_error


@dataclass(frozen=True)
class Standing:
    """A model's place among the nine core models."""

    rank: float
    """Its average rank in accuracy or R²."""
    error: float
    """Its shifted geometric mean of errors."""
    loss_rank: float
    """Its average rank in log loss, over the tables where all have one."""
    seconds: float
    """The median of its seconds of a fit."""


class Panel:
    """The nine core models on some tables."""

    def __init__(
        self,
        core: Mapping[tuple[str, str], Figures],
        regression: Mapping[str, bool],
        models: Sequence[str] = CORE,
    ) -> None:
        self.tables = list(regression)
        self.core, self._models = core, list(models)
        self._regression = np.array(list(regression.values()))

    def standings(self, others: Mapping[str, Mapping[str, Figures]]) -> dict[str, Standing]:
        """Return each one's standing, the others' (name, then table) each beside the nine alone.

        The nine are ranked with the first of the others, if there is one.
        """
        every = [
            {table: self.core[table, model] for table in self.tables} for model in self._models
        ]
        found: dict[str, Standing] = {}
        for name, figures in others.items():
            placed = self._placed([*every, figures])
            found[name] = placed[-1]
            if len(found) == 1:
                found |= dict(zip(self._models, placed, strict=False))
        return found or dict(zip(self._models, self._placed(every), strict=True))

    def _placed(self, models: Sequence[Mapping[str, Figures]]) -> list[Standing]:
        rows = [[model[table] for model in models] for table in self.tables]
        scores, losses, seconds = (
            np.array([[getattr(one, name) for one in row] for row in rows])
            for name in ("score", "log_loss", "fit_cpu")
        )
        with_loss = ~np.isnan(losses).any(1)
        ranks = average_ranks(scores)
        wrong = mean_error(errors(scores, self._regression))
        loss_ranks = (
            average_ranks(-losses[with_loss]) if with_loss.any() else np.full(len(models), np.nan)
        )
        middle = np.median(seconds, axis=0)
        columns = zip(ranks, wrong, loss_ranks, middle, strict=True)
        return [Standing(*(float(value) for value in column)) for column in columns]

    def time_ratios(self, figures: Mapping[str, Figures], model: str, speed: float) -> np.ndarray:
        """Return, table by table, seconds over those of a core model on this machine.

        `speed` is this machine's seconds over the recorded ones, for the same work.
        """
        pairs = [(figures[table], self.core[table, model]) for table in self.tables]
        return np.array([ours.fit_cpu / (theirs.fit_cpu * speed) for ours, theirs in pairs])

    def beaten(self, figures: Mapping[str, Figures], models: Sequence[str]) -> float:
        """Return the share of tables on which each of some core models has a lower score."""
        won = [
            all(figures[table].score > self.core[table, model].score for model in models)
            for table in self.tables
        ]
        return float(np.mean(won))

    def place(self, figures: Mapping[str, Figures], table: str) -> int:
        """Return the place among ten on one table, by score."""
        return 1 + sum(self.core[table, m].score > figures[table].score for m in self._models)


@dataclass(frozen=True)
class Goal:
    """A number that a preset is to reach."""

    model: str
    what: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def reached(self) -> bool:
        """True if the value is on the right side of the limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def line(self) -> str:
        """Describe the goal, the value, and whether it is reached."""
        bound = "at least" if self.at_least else "at most"
        verdict = "reached" if self.reached else "MISSED"
        return f"{self.model}: {self.what} {self.value:.4g}, goal {bound} {self.limit:g}: {verdict}"


def goals(panel: Panel, models: Mapping[str, Mapping[str, Figures]], speed: float) -> list[Goal]:
    """Return the goals of the presets that were measured."""
    placed = panel.standings(models)
    found: list[Goal] = []
    for name, figures in models.items():
        standing = placed[name]
        ratio = float(np.median(panel.time_ratios(figures, SLOW, speed)))
        if name == "default":
            found += [
                Goal(name, "average rank", standing.rank, 2.0),
                Goal(name, "mean error", standing.error, 0.119),
                Goal(name, "log-loss rank", standing.loss_rank, 1.4),
                Goal(name, f"median of time / {SLOW}'s", ratio, 0.25),
            ]
            if "adult" in panel.tables:
                found.append(Goal(name, "place on adult", panel.place(figures, "adult"), 1))
        elif name == "best":
            found += [
                Goal(name, "mean error", standing.error, 0.115),
                Goal(name, f"median of time / {SLOW}'s", ratio, 1.0),
            ]
        elif name == "fast":
            share = panel.beaten(figures, ["mlp", "mlp_es"])
            beside = float(np.median(panel.time_ratios(figures, "mlp", speed)))
            found += [
                Goal(name, "tables better than mlp and mlp_es", share, 0.8, at_least=True),
                Goal(name, "median of time / mlp's", beside, 1.0),
            ]
    return found


def report(
    panel: Panel, models: Mapping[str, Mapping[str, Mean]], speed: float, ways: Mapping[str, str]
) -> None:
    """Print the tables and the goals."""
    figures = {
        name: {table: mean.figures() for table, mean in means.items()}
        for name, means in models.items()
    }
    placed = panel.standings(figures)
    show_tables(panel, figures, models, speed)
    print(f"\nOver {len(panel.tables)} tables (seconds of a fit at this machine's speed):\n")
    rows = []
    for name in sorted(placed, key=lambda name: placed[name].rank):
        one = placed[name]
        ours = name in figures
        ratios = panel.time_ratios(figures[name], SLOW, speed) if ours else np.full(1, np.nan)
        rows.append(
            [
                f"{name} *" if ours else name,
                f"{one.rank:.2f}",
                f"{one.error:.4f}",
                number(one.loss_rank, 2),
                f"{one.seconds * (1 if ours else speed):.2f}",
                number(float(np.median(ratios)), 2),
                number(float(ratios.max()), 2),
            ]
        )
    header = ["model", "rank", "mean error", "log-loss rank", "CPU s", f"/ {SLOW}", "largest"]
    show(header, rows)
    print(f"\n* bpnet, {', '.join(f'{name}: {way}' for name, way in ways.items())}")
    for goal in goals(panel, figures, speed):
        print(f"- {goal.line()}")


def show_tables(
    panel: Panel,
    figures: Mapping[str, Mapping[str, Figures]],
    models: Mapping[str, Mapping[str, Mean]],
    speed: float,
) -> None:
    """Print a row for each table and model: test and held-out scores, places and times."""
    rows = []
    for name, means in models.items():
        ratios = panel.time_ratios(figures[name], SLOW, speed)
        for table, ratio in zip(panel.tables, ratios, strict=True):
            mean, own = means[table], figures[name][table]
            best = max(CORE, key=lambda model: panel.core[table, model].score)
            rows.append(
                [
                    f"{name} {table}",
                    f"{own.score:.4f}",
                    str(panel.place(figures[name], table)),
                    f"{best} {panel.core[table, best].score:.4f}",
                    number(mean.values.get("held_out_score", np.nan)),
                    number(own.log_loss),
                    number(mean.values.get("held_out_loss", np.nan)),
                    f"{own.fit_cpu:.2f}",
                    f"{ratio:.2f}",
                ]
            )
    header = [
        *("table", "score", "place", "best peer", "held out"),
        *("log loss", "held out", "CPU s", f"/ {SLOW}"),
    ]
    show(header, rows)


def number(value: float, digits: int = 4) -> str:
    """Format a number; nothing for one that is not there."""
    return "" if np.isnan(value) else f"{value:.{digits}f}"


def machine_speed(ours: Iterable[float], recorded: Iterable[float]) -> float:
    """Return the median of this machine's seconds over the recorded ones."""
    return float(np.median([a / b for a, b in zip(ours, recorded, strict=True)]))
