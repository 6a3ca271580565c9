"""The command line: one file per verb, which turns flags into a call and its result into output."""

from bpnet.cli.app import main

__all__ = ["main"]
