"""What was typed: options, and the overrides of the configuration."""

from __future__ import annotations

import os
import re
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from maze.factory import ConfigurationError

ROOT_CONFIG = "conf_rollout"
HYDRA_OPTIONS = {
    "cfg": "--cfg",
    "hydra_help": "--hydra-help",
    "info": "--info",
    "package": "--package",
    "resolve": "--resolve",
    "shell_completion": "--shell-completion",
}
OPEN_KEYS = re.compile(r"(wrappers\.|policy\.mapping\.|[\w.]*\.kwargs\.)[^=]*=")


class RolloutError(Exception):
    """A rollout met an error that is not of an episode; the message is one line."""


@dataclass(frozen=True)
class CommandLine:
    """A command that was typed."""

    overrides: tuple[str, ...]
    """Choices and values, as `group=choice` and `key=value`."""

    config_name: str = ROOT_CONFIG
    """Which root configuration they override."""

    config_dir: Path | None = None
    """Folder with configuration of the user's own."""

    multirun: bool = False
    """Whether to run every combination of values."""

    hydra_options: tuple[str, ...] = ()
    """Questions about the configuration, which Hydra answers."""

    shows_help: bool = False
    shows_version: bool = False

    def value(self, key: str) -> str | None:
        """What was typed for a key, the last time; None where it was not.

        Example:
            >>> CommandLine(("resume=a", "resume='b c'")).value("resume")
            'b c'
        """
        values = [text.partition("=")[2] for text in self.overrides if override_key(text) == key]
        return values[-1].strip("'\"") if values else None


def parse_command_line(arguments: Sequence[str]) -> CommandLine:
    """Read the arguments of `maze-run`; options and overrides may come in any order.

    Raises:
        ConfigurationError: If there is no such option, or what an option or an override needs is missing.

    Example:
        >>> parse_command_line(["runner.n_episodes=10,20", "--multirun", "env.kwargs.x=1"]).overrides
        ('runner.n_episodes=10,20', '++env.kwargs.x=1')
    """
    parsed = _parser().parse_intermixed_args(list(arguments))
    for override in parsed.overrides:
        if "=" not in override and not override.startswith("~"):
            raise ConfigurationError(f"{override!r} is neither group=choice nor key=value: see maze-run --help")
    return CommandLine(
        overrides=tuple(map(_open, parsed.overrides)),
        config_name=parsed.config_name,
        config_dir=_config_dir(parsed.config_dir),
        multirun=parsed.multirun,
        hydra_options=tuple(_hydra_options(parsed)),
        shows_help=parsed.help,
        shows_version=parsed.version,
    )


def override_key(override: str) -> str:
    """The group or key that an override is about.

    Example:
        >>> [override_key(text) for text in ("env=gym_env", "++env.kwargs.x=1", "~model")]
        ['env', 'env.kwargs.x', 'model']
    """
    return override.partition("=")[0].lstrip("+~")


def one_line(error: BaseException) -> str:
    r"""The message of an error in one line; the error's kind where it has none.

    Example:
        >>> one_line(ValueError("cannot\n  do that")), one_line(KeyboardInterrupt())
        ('cannot do that', 'KeyboardInterrupt')
    """
    return " ".join(str(error).split()) or type(error).__name__


def shown_path(path: Path) -> str:
    """A path as short as can be typed from here.

    Example:
        >>> shown_path(Path.cwd() / "outputs" / "x")
        'outputs/x'
    """
    relative = os.path.relpath(path)
    return shlex.quote(str(path) if relative.startswith("..") else relative)


class _Parser(ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: (\S+)", message)
        if unknown is None:
            raise ConfigurationError(f"{message}: see maze-run --help")
        options = [option for action in self._actions for option in action.option_strings]
        near = get_close_matches(unknown[1], options, n=1)
        hint = f"did you mean {near[0]}?" if near else "see maze-run --help"
        raise ConfigurationError(f"there is no option {unknown[1]}: {hint}")


def _parser() -> ArgumentParser:
    """Options under Hydra's names; those that only ask about the configuration are handed on to Hydra."""
    parser = _Parser(prog="maze-run", add_help=False, allow_abbrev=False)
    parser.add_argument("overrides", nargs="*")
    for names in (("-h", "--help"), ("--version",), ("-m", "--multirun")):
        parser.add_argument(*names, action="store_true")
    parser.add_argument("-cn", "--config-name", default=ROOT_CONFIG)
    parser.add_argument("-cd", "--config-dir")
    for names in (("--resolve",), ("--hydra-help",), ("-sc", "--shell-completion")):
        parser.add_argument(*names, action="store_true")
    parser.add_argument("-c", "--cfg", choices=["job", "hydra", "all"])
    parser.add_argument("-p", "--package")
    infos = ["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"]
    parser.add_argument("-i", "--info", const="all", nargs="?", choices=infos)
    return parser


def _hydra_options(parsed: Namespace) -> list[str]:
    given = {name: value for name, value in vars(parsed).items() if name in HYDRA_OPTIONS and value}
    return [HYDRA_OPTIONS[name] + ("" if value is True else f"={value}") for name, value in given.items()]


def _config_dir(given: str | None) -> Path | None:
    if given is None:
        return None
    folder = Path(given).absolute()
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {given}: -cd names one with files such as policy/mine.yaml")
    return folder


def _open(override: str) -> str:
    """Let arguments of environments and wrappers, and policies of actors, be set that no file names."""
    if override.startswith("policy@policy.mapping."):  # an entry of the defaults list, to which ++ does not apply
        return f"+{override}"
    return f"++{override}" if OPEN_KEYS.match(override) else override
