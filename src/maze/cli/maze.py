"""`maze`: what is done with runs when they are recorded - looked at, summed up, compared, replayed and exported."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from maze import __version__
from maze.cli.command_line import one_line
from maze.cli.standard_streams import open_missing_streams, silence_stdout
from maze.factory import ConfigurationError

SUCCESS, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "view": "maze.cli.view_command",
        "report": "maze.cli.view_command",
        "stats": "maze.cli.stats_command",
        "compare": "maze.cli.compare_command",
        "replay": "maze.cli.replay_command",
        "export": "maze.cli.export_command",
        "import": "maze.cli.import_command",
        "completion": "maze.cli.completion_command",
    }
)
"""Modules by the commands that they add; each has `add_parser(subparsers)`, and imports little until it runs.

The parser of a command has `carry_out` among its defaults: a function of the parsed arguments that returns the exit
code.
"""

EXAMPLES = """\
examples:
  maze stats outputs/RUN --where "return < 50"      the table of a run, of its poor episodes only
  maze compare outputs/A outputs/B                  two runs, episodes of the same seeds paired
  maze replay outputs/RUN --episode 17 --video out.mp4
  maze export outputs/RUN --to csv -o tables/
  maze completion bash                              completion for a shell: bash, zsh or fish

`maze COMMAND --help` tells more of each; `maze-run` records runs.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command.

    Args:
        arguments: What was typed behind `maze`; None: what this process was started with.

    Returns:
        The exit code: 0; 1 where what was asked about does not hold, or is damaged; 2 for wrong input; 130 after an
        interrupt.
    """
    open_missing_streams()
    try:
        typed = list(sys.argv[1:] if arguments is None else arguments)
        exit_code = _carry_out(typed)
        sys.stdout.flush()
    except ConfigurationError as error:
        return _complain(error, WRONG_INPUT)
    except BrokenPipeError:
        silence_stdout()
        return SUCCESS
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        from maze.core.recording.part_file import DamagedRecordingError

        if not isinstance(error, DamagedRecordingError):
            raise
        return _complain(error, FAILED)
    return exit_code


def parser(commands: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of `maze`.

    Args:
        commands: Those that it shall know, because one of them is meant; none: all, for help and completion.

    Example:
        >>> parser(["stats"]).parse_args(["stats", "outputs/a"]).run_dir
        'outputs/a'
    """
    whole = _Parser(
        prog="maze",
        description="Looks at recorded runs, sums them up, compares, replays and exports them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"maze {__version__}")
    subparsers = whole.add_subparsers(metavar="COMMAND", title="commands", parser_class=_Parser)
    modules = dict.fromkeys(COMMANDS[command] for command in (commands or COMMANDS))
    for module in modules:
        if find_spec(module) is not None:
            import_module(module).add_parser(subparsers)
    return whole


def _carry_out(typed: list[str]) -> int:
    """Import just the module of the command that is meant."""
    command = next((word for word in typed if not word.startswith("-")), None)
    if command is not None and command not in COMMANDS:
        near = get_close_matches(command, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
        raise ConfigurationError(f"there is no command {command!r}: {hint}")
    # As for a script: environments may stand in the folder where the user is.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    whole = parser([] if command is None else [command])
    try:
        parsed = whole.parse_args(typed)
    except SystemExit as end:  # after --help and --version
        return int(end.code or SUCCESS)
    carry_out: Any = getattr(parsed, "carry_out", None)
    if carry_out is None:
        whole.print_help()
        return WRONG_INPUT if typed else SUCCESS
    return int(carry_out(parsed))


def _complain(error: Exception, exit_code: int) -> int:
    """Say in one line what is wrong."""
    if os.environ.get("MAZE_FULL_ERROR") == "1":
        raise error
    print(f"maze: {one_line(error)}", file=sys.stderr)
    return exit_code


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: (\S+)", message)
        if unknown is None:
            raise ConfigurationError(f"{message}: see {self.prog} --help")
        near = get_close_matches(unknown[1], _options(self), n=1)
        hint = f"did you mean {near[0]}?" if near else f"see {self.prog} --help"
        raise ConfigurationError(f"there is no option {unknown[1]}: {hint}")


def _options(of: argparse.ArgumentParser) -> list[str]:
    """All options of a parser and of its commands."""
    own = [option for action in of._actions for option in action.option_strings]  # noqa: SLF001 - argparse has no other way
    inner = [action.choices for action in of._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 - likewise
    return own + [option for choices in inner for each in choices.values() for option in _options(each)]


if __name__ == "__main__":
    sys.exit(main())
