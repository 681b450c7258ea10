"""The help of `maze-run`, made from the comments of the configuration files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill, wrap
from typing import NamedTuple

from maze.cli.command_line import ROOT_CONFIG, CommandLine
from maze.cli.config_folders import OWN_FOLDER, choices, installed_folders

EXAMPLES = (
    ("maze-run env.name=CartPole-v1", "50 episodes of random actions in five processes"),
    ("maze-run env.name=LunarLander-v3 policy=lunar_lander_heuristics runner.n_episodes=3", "another policy"),
    ("maze-run runner=sequential runner.n_episodes=1 runner.render=true", "one episode, to be looked at"),
    ("maze-run --multirun env.name=CartPole-v1,Acrobot-v1 runner.n_episodes=10,20", "four runs"),
    ("maze-run resume=outputs/2026-01-31/12-00-00-a1b2c3", "the missing episodes of a run that was interrupted"),
)
OPTIONS = (
    ("-m, --multirun", "run every combination of the values that commas separate"),
    ("-cn, --config-name NAME", f"the root configuration; {ROOT_CONFIG} unless given, conf_train to train a policy"),
    ("-cd, --config-dir FOLDER", "a folder with configuration of your own, such as policy/mine.yaml"),
    ("-c, --cfg job", "print the configuration instead of running it"),
    ("-sc install=bash", 'print a completion script for a shell: eval "$(maze-run -sc install=bash)"'),
    ("--version", "print the version"),
    ("-h, --help", "print this; with choices such as runner=ray, their keys"),
)
KEY_LINE = re.compile(r"(?P<key>\w+): (?P<value>.*?)  # (?P<comment>.*)")
MOST_COLUMNS, FEWEST_COLUMNS = 120, 40


class ConfigKey(NamedTuple):
    """A key of a configuration file."""

    name: str
    value: str
    comment: str


def help_page(command: CommandLine) -> str:
    """Say what `maze-run` does, what can be chosen, and what can be set.

    Args:
        command: What was typed; its choices are the ones whose keys are shown.
    """
    columns = min(max(get_terminal_size().columns, FEWEST_COLUMNS), MOST_COLUMNS)
    groups = choices(command.config_dir)
    root = root_config(command.config_name)
    defaults = default_choices(root)
    chosen = {group: command.value(group) or default for group, default in defaults.items()}
    introduction = (
        "Rolls a policy out in an environment, in many processes or in one. Every episode is reproducible from its "
        "seeds, and recorded in outputs/<date>/<time>-<id>/."
    )
    sections = [
        [fill(introduction, columns)],
        ["usage: maze-run [options] [group=choice ...] [key=value ...]"],
        ["groups and their choices (* unless another one is chosen)", *_group_lines(groups, defaults, columns)],
        ["examples", *_example_lines(columns)],
        ["options", *_rows(OPTIONS, columns)],
        ["keys and their values", *_key_lines(chosen, command.config_dir, root, columns)],
    ]
    return "\n\n".join("\n".join(section) for section in sections)


def config_keys(file: Path) -> list[ConfigKey]:
    """Keys of a configuration file that have a comment, with the values that they have there; of parts, `part.key`.

    Example:
        >>> config_keys(OWN_FOLDER / "runner" / "parallel.yaml")[0]
        ConfigKey(name='n_processes', value='5', comment='worker processes')
    """
    keys, part = [], ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"(\w+):", line):
            part = match[1]
        elif match := KEY_LINE.fullmatch(line.removeprefix("  ")):
            name = f"{part}.{match['key']}" if line.startswith("  ") else match["key"]
            keys.append(ConfigKey(name, match["value"], match["comment"]))
    return keys


def root_config(name: str = ROOT_CONFIG) -> Path:
    """File of one of our root configurations; of the user's own, the default one stands for it.

    Example:
        >>> root_config("conf_train").name
        'conf_train.yaml'
    """
    file = OWN_FOLDER / f"{name}.yaml"
    return file if file.is_file() else OWN_FOLDER / f"{ROOT_CONFIG}.yaml"


def default_choices(root: Path | None = None) -> dict[str, str]:
    """Groups and what is chosen in them by default; empty for nothing.

    Args:
        root: The root configuration; None: that of rollouts.
    """
    text = (root or root_config()).read_text(encoding="utf-8")
    found = re.findall(r"^  - (\w+): (\w+)$", text, re.MULTILINE)
    return {group: "" if choice == "null" else choice for group, choice in found}


def _group_lines(groups: Mapping[str, list[str]], defaults: Mapping[str, str], columns: int) -> Iterator[str]:
    rows = []
    for group in [*defaults, *(group for group in groups if group not in defaults)]:
        names = [f"{name}*" if name == defaults.get(group) else name for name in groups.get(group, ())]
        rows.append((group, "  ".join(names) or "(none yet: those of your own, with -cd)"))
    return _rows(rows, columns)


def _key_lines(chosen: Mapping[str, str], config_dir: Path | None, root: Path, columns: int) -> Iterator[str]:
    folders = [OWN_FOLDER, *installed_folders(), *([] if config_dir is None else [config_dir])]
    rows = []
    for group, choice in chosen.items():
        file = next((f for folder in folders if (f := folder / group / f"{choice}.yaml").is_file()), None)
        keys = [] if file is None else config_keys(file)
        rows += [(f"{group}.{key.name}={key.value}", key.comment) for key in keys]
    rows += [(f"{key.name}={key.value}", key.comment) for key in config_keys(root)]
    return _rows(rows, columns)


def _example_lines(columns: int) -> Iterator[str]:
    for line, meaning in EXAMPLES:
        yield fill(f"# {meaning}", columns, initial_indent="  ", subsequent_indent="  # ")
        yield f"  {line}"


def _rows(rows: Sequence[tuple[str, str]], columns: int) -> Iterator[str]:
    """Two columns, of which the second is wrapped."""
    width = max((len(name) for name, _ in rows), default=0) + 4
    for name, text in rows:
        first, *further = wrap(text, columns - width, break_on_hyphens=False)
        yield f"  {name:<{width - 2}}{first}"
        yield from (" " * width + line for line in further)
