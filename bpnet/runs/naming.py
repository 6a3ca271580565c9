"""The name of a config's run, and the config as it is written into the run directory."""

from dataclasses import replace
from pathlib import Path

from bpnet.config.loading import LoadedConfig
from bpnet.config.schema import Config
from bpnet.errors import UsageError
from bpnet.preparation.dataset import relocated
from bpnet.runs import directory


def relocated_config(config: Config, name: str, folder: Path, run: Path) -> Config:
    """Return the config with the run's name, and with its path relative to the run directory."""
    dataset, path = config.dataset, config.dataset.path
    if isinstance(path, str):
        dataset = replace(dataset, path=relocated(path, folder, run))
    elif path is not None:
        moved = {part: relocated(file, folder, run) for part, file in path.parts.items()}
        dataset = replace(dataset, path=replace(path, **moved))
    return replace(config, name=name, dataset=dataset)


def run_name(loaded: LoadedConfig) -> str:
    """Return the config's name, or its file's with a dash for what a folder cannot be named."""
    if loaded.config.name is not None:
        try:
            return directory.valid_name(loaded.config.name)
        except UsageError as error:
            raise loaded.error(("name",), f"cannot be used: {error}") from None
    stem = Path(loaded.source.name).stem
    return directory.valid_name(
        "".join(c if c.isalnum() or c in "._-" else "-" for c in stem).strip("-.") or "run"
    )
