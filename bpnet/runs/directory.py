"""The run directory: its name, the paths of its files, and how one is opened."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from bpnet.errors import RunError, UsageError
from bpnet.messages import closest_match, shell_path
from bpnet.paths import exists, is_file
from bpnet.runs import files

STUDY = "study.json"
"""The file by which a folder is the study of a search."""


@dataclass(frozen=True)
class RunPaths:
    """The paths of a run directory's files."""

    folder: Path

    @property
    def config(self) -> Path:
        """The resolved config, with every default written out."""
        return self.folder / "config.yaml"

    @property
    def run(self) -> Path:
        """The status, seed, versions and timings."""
        return self.folder / "run.json"

    @property
    def metrics_csv(self) -> Path:
        """The metrics, one row per epoch."""
        return self.folder / "metrics.csv"

    @property
    def replicas_csv(self) -> Path:
        """The metrics of several replicas, one row per epoch and replica."""
        return self.folder / "replicas.csv"

    @property
    def folds_csv(self) -> Path:
        """The metrics of a cross-validation, one row per epoch and fold."""
        return self.folder / "folds.csv"

    @property
    def draws_csv(self) -> Path:
        """The settings of each draw of a pack, how its training ended, and its weight."""
        return self.folder / "draws.csv"

    @property
    def predictions(self) -> Path:
        """The predictions of a cross-validation, each row's by a network that has not seen it."""
        return self.folder / "predictions.csv"

    @property
    def metrics_json(self) -> Path:
        """The final metrics."""
        return self.folder / "metrics.json"

    @property
    def diagnosis(self) -> Path:
        """The doctor's measurements of each layer, and its advice."""
        return self.folder / "diagnosis.json"

    @property
    def splits(self) -> Path:
        """The part of the split, or the fold, of each row of the table."""
        return self.folder / "splits.csv"

    @property
    def fingerprints(self) -> Path:
        """The fingerprint of each row of the table."""
        return self.folder / "fingerprints.safetensors"

    @property
    def checkpoints(self) -> Path:
        """The folder of the training's states, from which it can be resumed."""
        return self.folder / "checkpoints"

    @property
    def snapshots(self) -> Path:
        """The folder of the states after some epochs, if the config asks for them."""
        return self.folder / "snapshots"

    @property
    def first_weights(self) -> Path:
        """The weights of another run with which the networks began, if they did."""
        return self.folder / "initial" / "weights.safetensors"

    @property
    def model(self) -> Path:
        """The folder with all that prediction needs."""
        return self.folder / "model"

    def require(self, *names: str) -> None:
        """Raise RunError if one of these files, named relative to the folder, is missing."""
        missing = [name for name in names if not is_file(self.folder / name)]
        if missing:
            raise RunError(
                f"{self.folder}: the run is not complete, it lacks {', '.join(missing)}; "
                "train again, or restore the files"
            )


def valid_name(name: str) -> str:
    """Return the name of a run, or raise UsageError if it cannot name a folder."""
    if re.fullmatch(r"\w[\w.-]{0,99}", name):
        return name
    raise UsageError(
        f"the run name {name!r} cannot name a folder; "
        "allowed are up to 100 letters, digits, '.', '_' and '-', "
        "beginning with a letter, a digit or '_'"
    )


def create(parent: Path, name: str) -> Path:
    """Make the next run directory of this name in `parent`: NAME-001, NAME-002, and so on."""
    numbered = re.compile(re.escape(valid_name(name)) + "-([0-9]+)", re.IGNORECASE)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        matches = (numbered.fullmatch(entry.name) for entry in parent.iterdir())
        number = max((int(match[1]) for match in matches if match), default=0)
        while True:
            number += 1
            folder = parent / f"{name}-{number:03d}"
            try:
                folder.mkdir()
            except FileExistsError:  # another process took the number
                continue
            return folder
    except FileExistsError:  # of the parent
        reason = "it is not a folder"
    except OSError as error:
        reason = error.strerror or str(error)
    raise RunError(
        f"{parent}: a run directory cannot be made here: {reason}; choose a folder with --runs DIR"
    )


def model_folder(path: Path) -> Path:
    """Return the model of a run directory, or the folder itself if it is a copied model."""
    path = best_of_study(path)
    if is_file(path / "model.json"):
        _refuse_links_out(path)
        return path
    paths = open_run(path)
    if not exists(paths.model) and _keeps_none(paths):
        raise RunError(
            f"{path}: is a cross-validation of ensembles, which keeps their scores (metrics.json) "
            "and predictions, but no model; one that trains on all rows: bpnet train "
            f"{shell_path(paths.config)}"
        )
    several = any(paths.model.glob("*/model.json"))
    paths.require("model/model.json", *([] if several else ["model/weights.safetensors"]))
    return paths.model


def _keeps_none(paths: RunPaths) -> bool:
    content = files.read_json(paths.run) if is_file(paths.run) else None
    return isinstance(content, dict) and content.get("keeps_model") is False


def best_of_study(path: Path) -> Path:
    """Return the run of a study's best trial, or the path itself if it is not a study.

    Raises RunError if the study has no such run yet.
    """
    if not is_file(path / STUDY):
        return path
    content = files.read_json(path / STUDY)
    best = content.get("best") if isinstance(content, dict) else None
    name = best.get("run") if isinstance(best, dict) else None
    if not isinstance(name, str) or Path(name).name != name:
        raise RunError(
            f"{path}: is a study whose best trial is not trained yet; go on with it: "
            f"bpnet resume {shell_path(path)}"
        )
    if not is_file(path / name / "run.json"):
        raise RunError(
            f"{path}: is a study whose best run {name} is not there; restore it from a copy, or "
            f"train it again: bpnet resume {shell_path(path)}"
        )
    return path / name


def open_run(path: Path) -> RunPaths:
    """Return the paths of an existing run directory, or of the best run of a study.

    Raises RunError.
    """
    path = best_of_study(path)
    try:
        is_run, is_folder, is_there = _is_run(path), path.is_dir(), path.exists()
    except OSError as error:
        raise RunError(
            f"{path}: cannot be opened: {error.strerror}; "
            "check the name, and the permissions of its folder"
        ) from error
    if is_run:
        _refuse_links_out(path)
        return RunPaths(path)
    if not is_there:
        near = closest_match(path.name, (run.name for run in _runs(path.parent)))
        hint = (
            f"did you mean '{path.with_name(near)}'?" if near else "`bpnet train CONFIG` makes one"
        )
        raise RunError(f"{path}: there is no such run directory; {hint}")
    nearby = [*_runs(path)[-1:], *filter(_is_run, path.parents)]
    hint = f"; did you mean '{nearby[0]}'?" if nearby else ""
    raise RunError(
        f"{path}: {'is not a run directory' if is_folder else 'is a file, not a run directory'}; "
        "a run directory is what `bpnet train` makes and holds "
        f"config.yaml, run.json, model/ and more{hint}"
    )


def run_or_model(path: Path) -> None:
    """Raise RunError if a path is neither a run directory nor a model folder."""
    if not is_file(path / "model.json"):
        open_run(path)


def run_of(path: Path) -> RunPaths | None:
    """Return the run that `path` is, or whose model it is; None for a model that was copied."""
    path = best_of_study(path)
    folder = Path(os.path.realpath(path)).parent if is_file(path / "model.json") else path
    return RunPaths(folder) if _is_run(folder) else None


def data_sha256(run: Path) -> str | None:
    """Return the SHA-256 of the data that a run was trained on, or None if it is unknown."""
    run = best_of_study(run)
    if not _is_run(run):
        return None
    content = files.read_json(RunPaths(run).run)
    digest = content.get("data_sha256") if isinstance(content, dict) else None
    return digest if isinstance(digest, str) else None


def _refuse_links_out(folder: Path) -> None:
    """Raise RunError if a link in a run or a model leads out of it, as one in a copy may."""
    root = folder.resolve()
    inner = [
        folder,
        folder / "model",
        *(folder / "model").glob("member-*"),
        *folder.glob("member-*"),
    ]
    for entry in (entry for place in inner if place.is_dir() for entry in place.iterdir()):
        if entry.is_symlink() and not entry.resolve().is_relative_to(root):
            raise RunError(
                f"{entry}: is a link that leads out of {folder}; "
                "put a copy of what it leads to in its place"
            )


def _is_run(folder: Path) -> bool:
    return (folder / "run.json").is_file()


def _runs(parent: Path) -> list[Path]:
    """List the run directories in a folder, which need not exist."""
    return sorted(file.parent for file in parent.glob("*/run.json"))
