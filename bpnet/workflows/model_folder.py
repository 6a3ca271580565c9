"""The folder of a run's model: the model, and what describes it to people and other programs."""

from collections.abc import Mapping
from pathlib import Path, PurePath

from bpnet.data.reading import Table
from bpnet.errors import RunError
from bpnet.integrations.mlflow import mlflow_files
from bpnet.models import model_card
from bpnet.models.ensemble import Ensemble
from bpnet.models.model_card import Origin
from bpnet.models.saved_ensemble import save_ensemble, save_thresholds
from bpnet.paths import is_file
from bpnet.runs import files
from bpnet.runs.directory import RunPaths
from bpnet.workflows.prediction_columns import (
    added_names,
    prediction_columns,
)


def save_model_folder(
    model: Ensemble,
    run: RunPaths,
    table: Table,
    rows: Mapping[str, int],
    scores: Mapping[str, Mapping[str, float | None]],
) -> None:
    """Write a run's model with its card: the table, the rows of its parts, and the final scores."""
    save_ensemble(model, run.model)
    origin = Origin(
        name=run.folder.name.rpartition("-")[0] or run.folder.name,
        table=PurePath(table.name).name,
        data_sha256=table.digest,
        rows=rows,
        scores=scores,
    )
    described = {model_card.FILE: model_card.model_card(model, origin), **_mlflow_files(model)}
    for name, text in described.items():
        files.write_text(run.model / name, text, flush=False)  # no prediction needs them


def _mlflow_files(model: Ensemble) -> dict[str, str]:
    """Return MLflow's files, if the model predicts finite numbers for a row of zeros."""
    try:
        columns = prediction_columns(model, model.blank_row(), top=None, probabilities=True)
    except RunError:  # of a training that diverged
        return {}
    names = added_names(model, [name for name, _ in columns])
    values = [*(values for _, values in columns), None]  # flags are text
    return mlflow_files(model, dict(zip(names, values, strict=True)))


def keep_thresholds(folder: Path, model: Ensemble) -> None:
    """Keep a model's thresholds in its folder, also in its card, if it has one; raises RunError."""
    path = folder / model_card.FILE
    card = files.read_text(path) if is_file(path) else None
    save_thresholds(folder, model.thresholds, model.choices)
    if card is not None:
        files.write_text(path, model_card.with_decisions(card, model))
