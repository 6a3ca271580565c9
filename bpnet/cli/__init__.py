"""The command line: one file a verb, which turns flags into a call and its result into output."""

from bpnet.cli.app import main

__all__ = ["main"]
