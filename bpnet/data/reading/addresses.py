"""Addresses, such as https://…, which are not read: the command that gets the table."""

import re

from bpnet.errors import DataError
from bpnet.messages import shell_quoted

_COMMANDS = {
    **dict.fromkeys(("http", "https", "ftp", "ftps"), "curl -L -o {file} {address}"),
    **dict.fromkeys(("s3", "s3a", "s3n"), "aws s3 cp {address} {file}"),
    **dict.fromkeys(("gs", "gcs"), "gcloud storage cp {address} {file}"),
    "hdfs": "hdfs dfs -get {address} {file}",
}
"""The command that gets an address, by its scheme."""


def is_address(path: str) -> bool:
    """Return whether a path is an address: a scheme, `://` and the rest."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path) is not None


def refuse_address(address: str) -> None:
    """Raise DataError, with the command that gets the table of an address."""
    scheme, _, rest = address.partition("://")
    if scheme.lower() == "file":
        path = shell_quoted("/" + rest.lstrip("/"))
        raise DataError(f"{address}: is an address; give the path: {path}")
    last = re.split(r"[?#]", rest)[0].rstrip("/").rpartition("/")[2]
    file = shell_quoted(last or "table.csv")
    command = _COMMANDS.get(scheme.lower())
    if command is None:
        raise DataError(f"{address}: is an address, which is not read; save its table as a file")
    if scheme.lower().startswith("s3"):
        address = "s3://" + rest
    command = command.format(file=file, address=shell_quoted(address))
    raise DataError(
        f"{address}: is an address, which is not read; get the table with: {command}; "
        f"then give {file}"
    )
