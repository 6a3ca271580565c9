"""The model that a fitted estimator keeps: the files of a run's model, which are pickled."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sklearn.utils.validation import check_is_fitted

from bpnet.api.run import Run
from bpnet.models.run_model import RunModel
from bpnet.models.saved_ensemble import load_ensemble


class KeptModel:
    """An estimator's model, as files and as networks."""

    runs: str | Path | None
    _files: dict[str, bytes] | None
    """The content of each of its files; None once `partial_fit` has changed the weights."""

    def _keep(self, run: Run) -> None:
        """Keep the model of a run, and what is known of its training."""
        folder = run.path / "model"
        self._files, self._loaded = _read_files(folder), RunModel(load_ensemble(folder), [])
        self.config_ = run.config
        self.metrics_ = run.metrics
        self.__dict__.pop("_training", None)
        if self.runs is not None:
            self.run_ = str(run.path)

    @property
    def model_files_(self) -> dict[str, bytes]:
        """The files of the model, by name."""
        check_is_fitted(self)
        if self._files is None:  # `partial_fit` has changed the weights
            with TemporaryDirectory(prefix="bpnet-") as folder:
                self._loaded.model.members[0].save(Path(folder) / "model")
                self._files = _read_files(Path(folder) / "model")
        return self._files

    @property
    def _opened(self) -> RunModel:
        """The model, which is read from its files when it is first needed."""
        check_is_fitted(self)
        if "_loaded" not in self.__dict__:
            with TemporaryDirectory(prefix="bpnet-") as folder:
                model = load_ensemble(written_files(self.model_files_, Path(folder) / "model"))
            self._loaded = RunModel(model, [])
        return self._loaded

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a model."""
        return hasattr(self, "_files")

    def __getstate__(self) -> dict[str, Any]:
        """Return what is saved: the model's files, and nothing that they give."""
        state: dict[str, Any] = dict(super().__getstate__())  # type: ignore[call-overload]
        if "_files" in state:
            state["_files"] = self.model_files_
        for name in ("_loaded", "_training"):
            state.pop(name, None)
        return state


def _read_files(folder: Path) -> dict[str, bytes]:
    """Return the content of each file of a folder, by its path in it."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def written_files(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write a model's files into a new folder, and return it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
