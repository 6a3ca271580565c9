"""`bpnet schema`: the JSON schema of a config, for editors."""

from bpnet.cli.exit_codes import exit_codes

EXAMPLES = """\
bpnet schema
bpnet schema > bpnet-schema.json
"""


def schema() -> None:
    """Print the JSON schema of a config, for editors.

    An editor checks and completes a YAML file by it. `bpnet init` writes it beside the config,
    whose first line names it.
    """
    with exit_codes():
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.config.json_schema import config_schema

        console.print_json(config_schema())
