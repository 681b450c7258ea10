"""`maze completion`: the script that lets a shell complete commands, options and paths."""

from __future__ import annotations

import argparse
from typing import Any

from maze.factory import ConfigurationError

EXAMPLES = """\
examples:
  eval "$(maze completion bash)"                                       in ~/.bashrc
  maze completion zsh > "${fpath[1]}/_maze"                            once
  maze completion fish > ~/.config/fish/completions/maze.fish          once
"""
SHELLS = ("bash", "zsh", "fish")


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "completion",
        help="print a completion script for a shell",
        description="Prints a script that lets a shell complete the commands, options and paths of `maze`.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(carry_out=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    from maze.cli.maze import parser

    try:
        import shtab
    except ImportError as error:
        raise ConfigurationError("completion scripts need shtab: pip install shtab") from error
    whole = parser()
    _complete_paths(whole, shtab)
    print(shtab.complete(whole, shell=arguments.shell))
    return 0


def _complete_paths(parser: argparse.ArgumentParser, shtab: Any) -> None:
    """Runs are folders; what is written or read beside them are files."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
            for inner in action.choices.values():
                _complete_paths(inner, shtab)
        elif str(action.metavar) in {"RUN", "OTHER"}:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif str(action.metavar) in {"FILE", "PATH"}:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
