"""What is wrong with a command that Hydra refuses, in one line that names the nearest right thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationResolutionError, MissingMandatoryValue, OmegaConfBaseException

from maze.cli.command_line import CommandLine, one_line, override_key
from maze.cli.config_folders import choices, root_configs
from maze.factory import suggest


def explain(error: Exception, command: CommandLine) -> str:
    """Say what to type instead, from the command itself where that tells, else from the error.

    Args:
        error: What Hydra raised.
        command: What was typed.
    """
    names = root_configs(command.config_dir)
    if command.config_name not in names:
        return f"there is no configuration {command.config_name!r}{suggest(command.config_name, names)}"
    try:
        parsed = OverridesParser.create().parse_overrides(list(command.overrides))
    except OverrideParseException as unreadable:
        key, _, value = unreadable.override.lstrip("+~").partition("=")
        return f"cannot read {unreadable.override!r}: put the value in quotes, as in '{key}=\"{value}\"'"
    groups = choices(command.config_dir)
    for override in parsed:
        found = (
            _several_values(override, command)
            or _wrong_choice(override, groups)
            or _wrong_key(override, command, groups)
        )
        if found is not None:
            return found
    if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        return f"there is no {group}/{choice}.yaml: put it into a folder of your own and add -cd FOLDER"
    return _without_value(error) or one_line(error.__cause__ if str(error).strip() == "" and error.__cause__ else error)


def _without_value(error: Exception) -> str | None:
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} has no value yet: add {error.full_key}=VALUE"
    if isinstance(error, InterpolationResolutionError):
        return f"{error.full_key} cannot be filled in: {one_line(error).partition(' full_key:')[0]}"
    return None


def _several_values(override: Override, command: CommandLine) -> str | None:
    if command.multirun or not override.is_sweep_override():
        return None
    key, _, value = str(override.input_line).partition("=")
    return f"{key} has the values {value}: add --multirun to run each, or write {key}=[{value}] for a list"


def _wrong_choice(override: Override, groups: Mapping[str, Sequence[str]]) -> str | None:
    group = override.key_or_group
    if group not in groups or override.is_delete():
        return None
    values = override.sweep_string_iterator() if override.is_sweep_override() else [override.value()]
    for value in values:
        if isinstance(value, str) and value not in groups[group]:
            hint = suggest(value, groups[group]) or f": there is {_enumeration(groups[group])}"
            return f"there is no {group} {value!r}{hint}"
    return None


def _wrong_key(override: Override, command: CommandLine, groups: Mapping[str, Sequence[str]]) -> str | None:
    key, value = override.key_or_group, str(override.input_line).partition("=")[2]
    if key in groups or override.is_add() or override.is_force_add() or override.is_delete():
        return None
    chosen = [text for text in command.overrides if override_key(text) in groups]
    keys = _keys(command, chosen)
    if not keys or key in keys or any(known.startswith(f"{key}.") for known in keys):
        return None
    group = key.partition(".")[0]
    from maze.cli.help_page import default_choices

    default = default_choices().get(group)
    for choice in sorted(groups.get(group, ()), key=lambda choice: choice != default):
        if key in _keys(command, [*chosen, f"{group}={choice}"]):
            return f"{key} belongs to {group}={choice}: add that, or leave {key} out"
    near = _nearest(key, keys if "." in key else [*keys, *groups])
    if near:
        return f"there is no key {key!r}: did you mean {near}={value}?"
    siblings = [known.removeprefix(f"{group}.") for known in keys if known.startswith(f"{group}.")]
    there_are = f"{group} has {_enumeration(siblings)}" if siblings else "maze-run --help shows the keys"
    return f"there is no key {key!r}: {there_are}; to add a new one, type +{key}={value}"


def _nearest(key: str, keys: Sequence[str]) -> str | None:
    """The key that was meant most likely: of the same group, or of the same name elsewhere, or one like it.

    One that has all its words, and others besides, comes before one that looks like it.
    """
    group, _, name = key.rpartition(".")
    siblings = {known.removeprefix(f"{group}."): known for known in keys if known.rpartition(".")[0] == group}
    words = set(name.split("_"))
    fuller = [known for sibling, known in siblings.items() if words < set(sibling.split("_"))]
    same_name = [known for known in keys if known.rpartition(".")[2] == name]
    alike = [siblings[near] for near in get_close_matches(name, siblings, n=1)]
    if group and siblings:
        return next(iter(fuller + alike), None)
    return next(iter(same_name + alike + get_close_matches(key, keys, n=1, cutoff=0.7)), None)


def _keys(command: CommandLine, overrides: Sequence[str]) -> list[str]:
    """Keys of the configuration with these choices; none if it cannot be composed."""
    try:
        composed = compose(command.config_name, list(overrides), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException):
        return []
    return list(_flat(OmegaConf.to_container(composed)))


def _flat(config: Any, prefix: str = "") -> Iterator[str]:
    for name, value in config.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _enumeration(names: Sequence[str]) -> str:
    shown = [name for name in names if not name.startswith("_")]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))
