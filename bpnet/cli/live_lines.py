"""Lines that are shown again and again: on a terminal, or below a notebook's cell."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from bpnet.cli.console import print_warning, shown_on
from bpnet.reports.progress import WIDEST

# rich is imported where it is used: it takes long, and few commands need it
if TYPE_CHECKING:
    from rich.console import Console


class LiveLines(Protocol):
    """Lines in one place, each of `width` columns at most; `curves` if it can show these."""

    curves: bool

    @property
    def width(self) -> int:
        """The columns that there are."""

    def show(self, lines: Sequence[str]) -> None:
        """Show lines in place of those before."""

    def warn(self, text: str) -> None:
        """Show a warning, which stays."""

    def end(self) -> None:
        """End the lines."""


def live_lines() -> LiveLines | None:
    """Return lines below the cell of a notebook, or on the terminal; None where neither is."""
    if (shell := _notebook()) is not None:
        return _NotebookLines(shell)
    if not sys.stderr.isatty():
        return None
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    return None if not console.is_terminal or console.is_dumb_terminal else _TerminalLines(console)


class _TerminalLines:
    """Lines on stderr, which their end removes."""

    def __init__(self, console: "Console") -> None:
        from rich.live import Live

        self._console, self.curves = console, not console.options.ascii_only
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    @property
    def width(self) -> int:
        """The columns of the terminal, whose window may change."""
        return self._console.width

    def show(self, lines: Sequence[str]) -> None:
        """Draw lines over those before."""
        from rich.text import Text

        text = Text("\n".join(lines), no_wrap=True, overflow="crop")
        self._live.update(text, refresh=True)

    def warn(self, text: str) -> None:
        """Show a warning above the lines."""
        self._console.print(
            shown_on(f"warning: {text}", sys.stderr),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def end(self) -> None:
        """Remove the lines."""
        self._live.stop()


class _NotebookLines:
    """Lines below a cell, of which the last stay."""

    width: int = WIDEST + 1
    curves = True

    def __init__(self, shell: Any) -> None:
        self._shell, self._display = shell, f"bpnet-{id(self)}-{shell.execution_count}"
        self._shown = False

    def show(self, lines: Sequence[str]) -> None:
        """Put lines in place of those before."""
        self._shell.display_pub.publish(
            data={"text/plain": "\n".join(lines)},
            transient={"display_id": self._display},
            update=self._shown,
        )
        self._shown = True

    def warn(self, text: str) -> None:
        """Write a warning to stderr."""
        print_warning(text)

    def end(self) -> None:
        """Leave the lines as they are."""


def _notebook() -> Any:
    """Return the shell of IPython if it runs in a notebook's kernel, else None."""
    module = sys.modules.get("IPython")  # loaded if there is one
    shell = None if module is None else module.get_ipython()
    return shell if getattr(shell, "kernel", None) is not None else None
