"""`maze import`: data of others as runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from shlex import quote
from typing import Any

from maze.factory import ConfigurationError

EXAMPLES = """\
examples:
  maze import minari:cartpole-random-v0
  maze import minari:D4RL/door/human-v2 --download -o outputs/door
  maze import minari:datasets/cartpole-random-v0        a folder

What is imported is a run as any other: for maze view, stats, compare and export, and to learn from.
"""
SOURCES = ("minari",)


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "import",
        help="a Minari dataset as a run",
        description="Records the episodes of a Minari dataset as a run.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="minari:ID", help="id or folder of the dataset")
    parser.add_argument("-o", "--output", metavar="PATH", help="run directory to make; else outputs/<date>/<time>-<id>")
    parser.add_argument("--download", action="store_true", help="fetch the dataset where it is not here")
    parser.set_defaults(carry_out=run)


def run(arguments: argparse.Namespace) -> int:
    """Import.

    Raises:
        ConfigurationError: If there is no such dataset, or it cannot be recorded.
    """
    kind, colon, name = arguments.source.partition(":")
    if not colon or kind not in SOURCES or not name:
        raise ConfigurationError(f"{arguments.source!r}: name what to import as in minari:cartpole-random-v0")
    from maze.core.recording.run_directory import new_run_path
    from maze.interop.minari_dataset import import_minari

    run_dir = Path(arguments.output) if arguments.output else new_run_path()
    n = import_minari(name, run_dir, download=arguments.download)
    print(f"{n:,} episode{'' if n == 1 else 's'} recorded in {quote(str(run_dir))}")
    return 0
