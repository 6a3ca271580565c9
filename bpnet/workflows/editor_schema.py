"""The JSON schema beside a config, and the line of the config by which an editor finds it.

It lies beside the config, and not in the package, so that it is found wherever the folder goes: to
another machine, another environment, or a repository.
"""

import json
from pathlib import Path

from bpnet.config.json_schema import TITLE, config_schema
from bpnet.paths import exists
from bpnet.runs.files import write_text

FILE = ".bpnet-schema.json"
LINE = f"# yaml-language-server: $schema={FILE}"
"""The first line of a config; the path is relative to the config."""


def write_schema(folder: Path) -> None:
    """Write the schema into a folder; one of another version is replaced, another file stays.

    Raises RunError if it cannot be written.
    """
    path = folder / FILE
    text = json.dumps(config_schema(), ensure_ascii=False, separators=(",", ":")) + "\n"
    if not exists(path):
        write_text(path, text)
        return
    try:
        present = path.read_text("utf-8")
        ours = json.loads(present).get("title") == TITLE
    except (OSError, ValueError, AttributeError):
        return
    if ours and present != text:
        write_text(path, text)
