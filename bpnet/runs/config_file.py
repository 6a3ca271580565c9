"""config.yaml: the resolved config as a run directory holds it, fit to train again."""

from dataclasses import replace
from pathlib import Path

from bpnet.config.dataset_paths import relocated
from bpnet.config.loading import as_data
from bpnet.config.schema import Config
from bpnet.config.source import yaml_text
from bpnet.runs import files
from bpnet.runs.directory import RunPaths


def write_config(config: Config, name: str, folder: Path, run: RunPaths) -> None:
    """Write a resolved config, whose paths are relative to `folder`, into the run directory."""
    files.write_text(run.config, config_text(config, name, folder, run))


def config_text(config: Config, name: str, folder: Path, run: RunPaths) -> str:
    """Return the text of config.yaml: see `write_config`."""
    return yaml_text(as_data(_relocated(config, name, folder, run.folder)))


def _relocated(config: Config, name: str, folder: Path, run: Path) -> Config:
    """Return the config with the run's name, and with its path relative to the run directory."""
    dataset, path = config.dataset, config.dataset.path
    if isinstance(path, str):
        dataset = replace(dataset, path=relocated(path, folder, run))
    elif path is not None:
        moved = {part: relocated(file, folder, run) for part, file in path.parts.items()}
        dataset = replace(dataset, path=replace(path, **moved))
    return replace(config, name=name, dataset=dataset)
