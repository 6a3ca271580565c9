"""`bpnet check`: what a training would do, before it is done."""

import dataclasses

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, ConfigFile, Settings

EXAMPLES = """Examples:

bpnet check configs/iris.yaml

bpnet check flowers.yaml --set dataset.split.group=plant

bpnet check flowers.yaml --json
"""


def check(
    config: ConfigFile,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Say what training would make of the table: columns, classes, memory and time, and what is treacherous in it.

    Warns of columns that are constant, equal to another, or give the target away, and of rows that stand in two parts
    of the split. Writes nothing.
    """
    with exit_codes():
        from bpnet.cli import console
        from bpnet.cli.console import print_json
        from bpnet.config.source import override, read
        from bpnet.reports.check import check_lines
        from bpnet.workflows.check import inspect_config

        found = inspect_config(override(read(config), settings or []), config.parent)
        if as_json:
            print_json({"config": str(config), **dataclasses.asdict(found)})
        else:
            console.say("\n".join([*check_lines(found), "", f"Next: bpnet train {config}"]))
