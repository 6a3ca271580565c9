"""The YAML language server, spoken to as an editor does: JSON-RPC over its standard streams."""

import json
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

COMMAND = shutil.which("yaml-language-server")

needs_server = pytest.mark.skipif(
    COMMAND is None,
    reason="yaml-language-server is not installed: npm install -g yaml-language-server@1",
)


class LanguageServer:
    """A running server, with its findings in each file."""

    def __init__(self) -> None:
        assert COMMAND is not None
        self._process = subprocess.Popen(
            [COMMAND, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._requests = 0
        self._findings: dict[str, list[dict[str, Any]]] = {}
        completion = {"completionItem": {"documentationFormat": ["markdown"]}}
        capabilities = {
            "textDocument": {"completion": completion, "hover": {}},
            "workspace": {"configuration": True},
        }
        self._request(
            "initialize", {"processId": None, "rootUri": None, "capabilities": capabilities}
        )
        self._send({"method": "initialized", "params": {}})

    def __enter__(self) -> "LanguageServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def findings(self, file: Path) -> list[tuple[int, str]]:
        """Open a file, for the first time; return each finding's line, from 1, and message."""
        uri = file.as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": file.read_text()}
        self._findings.pop(uri, None)
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        while uri not in self._findings:
            self._receive()
        return [(one["range"]["start"]["line"] + 1, one["message"]) for one in self._findings[uri]]

    def completions(self, file: Path, line: int, column: int) -> dict[str, str]:
        """Return what may be typed at a place of an open file, from 1 and 0, each with its text."""
        result = self._request("textDocument/completion", _place(file, line, column))
        return {item["label"]: str(item.get("documentation", "")) for item in result["items"]}

    def hover(self, file: Path, line: int, column: int) -> str:
        """Return the text that is shown at a place of an open file."""
        result = self._request("textDocument/hover", _place(file, line, column))
        return str(result["contents"]["value"])

    def _request(self, method: str, params: dict[str, Any]) -> Any:
        self._requests += 1
        self._send({"id": self._requests, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("id") == self._requests and "method" not in message:
                return message["result"]

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        """Return the next message; a request of the server is answered, and findings are kept."""
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the server has ended"
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        if message.get("method") == "workspace/configuration":
            on = {"validate": True, "completion": True, "hover": True}
            asked = [item.get("section") for item in message["params"]["items"]]
            self._send(
                {"id": message["id"], "result": [on if one == "yaml" else {} for one in asked]}
            )
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": None})
        if message.get("method") == "textDocument/publishDiagnostics":
            params = message["params"]
            self._findings[params["uri"]] = params["diagnostics"]
        return message


def _place(file: Path, line: int, column: int) -> dict[str, Any]:
    return {
        "textDocument": {"uri": file.as_uri()},
        "position": {"line": line - 1, "character": column},
    }
