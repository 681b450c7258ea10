"""Keeps a rollout going when nobody reads what it prints."""

from __future__ import annotations

from rich.console import Console

from maze.cli.standard_streams import silence_stdout


class LastingConsole(Console):
    """Prints as long as somebody reads; a rollout does not end because its reader did."""

    def on_broken_pipe(self) -> None:
        """Print no more, where rich would exit."""
        self.quiet = True
        silence_stdout()
