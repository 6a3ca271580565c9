"""What `bpnet trace` and `bpnet quiz` take: a config, or a run directory."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bpnet.paths import is_dir, is_file

# deferred, so that help texts do not wait for NumPy
if TYPE_CHECKING:
    from bpnet.config.loading import LoadedConfig


def traced_subject(subject: Path, settings: Sequence[str] | None) -> "LoadedConfig | Path":
    """Return a config with its settings, or the run directory; raises UsageError, ConfigError."""
    from bpnet.config.loading import read_config  # deferred, as above
    from bpnet.errors import UsageError

    if is_dir(subject) or not (is_file(subject) or subject.suffix in {".yaml", ".yml"}):
        if settings:
            raise UsageError(
                f"--set changes a config, but {subject} is a run, which is traced unchanged; "
                "leave --set out, or name a config"
            )
        return subject
    return read_config(subject, settings or [])
