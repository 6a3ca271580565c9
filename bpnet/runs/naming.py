"""The name of a config's run."""

from pathlib import Path

from bpnet.config.loading import LoadedConfig
from bpnet.errors import UsageError
from bpnet.runs import directory


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
