"""`bpnet check`: what training would do with a table, and what may go wrong."""

import dataclasses

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, ConfigFile, Overrides

EXAMPLES = """\
bpnet check configs/iris.yaml
bpnet check flowers.yaml --set dataset.split.group=plant
bpnet check flowers.yaml --json
"""


def check(
    config: ConfigFile,
    settings: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Inspect a table before training: columns, leaks, cost.

    Shows the role of each column, the classes or values of the target, and the memory and time that
    training will take. Warns of columns that are constant, duplicate another or give the target
    away, and of rows that occur in two parts of the split. Writes no file.
    """
    with exit_codes():
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.config.loading import read_config
        from bpnet.messages import shell_path, shell_quoted
        from bpnet.reports.check import check_lines
        from bpnet.workflows.check import inspect_config

        inspection = inspect_config(read_config(config, settings or []))
        if as_json:
            console.print_json({"config": str(config), **dataclasses.asdict(inspection)})
        else:
            given = "".join(f" --set {shell_quoted(setting)}" for setting in settings or [])
            command = f"bpnet train {shell_path(config)}{given}"
            lines = [*check_lines(inspection), "", f"Next: {command}"]
            console.print_result("\n".join(lines))
