"""The parts of observations that wrappers change: the entries of a Dict, or an observation as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium
from gymnasium import spaces

from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import StructuredEnv
from maze.factory import ConfigurationError, suggest

EntryKey: TypeAlias = str | int | None
"""A key of the Dict; None: the observation is none, and meant as a whole."""

Space: TypeAlias = gymnasium.Space[Any]
ObservationSpaces: TypeAlias = Mapping[StepKey, Space]
EntryChoice: TypeAlias = Sequence[EntryKey] | Mapping[StepKey, Sequence[EntryKey]] | None
"""Entries of whichever step key has them, or entries by step key; None: no choice was made."""


def entries(space: Space) -> dict[EntryKey, Space]:
    """The parts of an observation and their spaces.

    Example:
        >>> entries(spaces.Dict({"place": spaces.Discrete(3)}))
        {'place': Discrete(3)}
        >>> entries(spaces.Discrete(3))
        {None: Discrete(3)}
    """
    parts: dict[Any, Space] = space.spaces if isinstance(space, spaces.Dict) else {None: space}
    return dict(parts)


def with_entries(space: Space, changed: Mapping[EntryKey, Space]) -> Space:
    """The space of an observation some of whose parts have changed; the order of its keys stays.

    Example:
        >>> with_entries(spaces.Dict({"a": spaces.Discrete(3), "b": spaces.Discrete(2)}), {"a": spaces.Discrete(5)})
        Dict('a': Discrete(5), 'b': Discrete(2))
    """
    if not isinstance(space, spaces.Dict):
        return changed.get(None, space)
    return spaces.Dict([(key, changed.get(key, child)) for key, child in space.spaces.items()])


def mask_keys(env: StructuredEnv, step_key: StepKey) -> set[EntryKey]:
    """The parts of a step key's observations that are action masks."""
    return set(env.action_masks.get(step_key, {}).values())


def name_of(entry: object, step_key: StepKey) -> str:
    """How messages call a part of the observations.

    Example:
        >>> name_of("order", "cut"), name_of(None, 0)
        ("the observation 'order' of step key 'cut'", 'the observation of step key 0')
    """
    return f"the observation {'' if entry is None else f'{entry!r} '}of step key {step_key!r}"


def chosen_entries(
    env: StructuredEnv, keys: EntryChoice, exclude: EntryChoice, is_suited: Callable[[Space], bool], verb: str
) -> dict[StepKey, list[EntryKey]]:
    """Which parts of the observations a wrapper is to change, by step key.

    Args:
        env: The wrapped environment.
        keys: Those that are; None: all that are suited, and no action masks.
        exclude: Those that are not.
        is_suited: Whether a part can be changed.
        verb: What the wrapper does to them, for messages.

    Raises:
        ConfigurationError: If a key is unknown, names an action mask or a part that is not suited, or none is left.
    """
    wanted, unwanted = _by_step_key(env, keys, "keys"), _by_step_key(env, exclude, "exclude")
    chosen: dict[StepKey, list[EntryKey]] = {}
    for step_key, space in env.observation_spaces.items():
        masks = mask_keys(env, step_key)
        named = [] if wanted is None else wanted[step_key]
        for entry in named:
            if entry in masks:
                raise ConfigurationError(
                    f"{name_of(entry, step_key)} is an action mask, which nothing may {verb}: take it off `keys`"
                )
            if not is_suited(entries(space)[entry]):
                raise ConfigurationError(
                    f"{name_of(entry, step_key)} is {entries(space)[entry]}, which cannot be {_past(verb)}: "
                    "take it off `keys`, or convert it before, by the ObservationPreprocessingWrapper"
                )
        if wanted is None:
            named = [entry for entry, child in entries(space).items() if is_suited(child) and entry not in masks]
        chosen[step_key] = [entry for entry in named if unwanted is None or entry not in unwanted[step_key]]
    if not any(chosen.values()):
        raise ConfigurationError(
            f"there is nothing to {verb} in {env.observation_spaces}: leave the wrapper out, or convert observations "
            "before, by the ObservationPreprocessingWrapper"
        )
    return chosen


def check_step_key(observation_spaces: ObservationSpaces, step_key: object, place: str) -> None:
    """See that an environment has a step key.

    Raises:
        ConfigurationError: If it has not; the message names the nearest.
    """
    if step_key not in observation_spaces:
        raise ConfigurationError(
            f"{place} names the step key {step_key!r}, which the environment does not have"
            f"{_hint(step_key, observation_spaces)}"
        )


def check_entry(observation_spaces: ObservationSpaces, step_key: StepKey, entry: object, place: str) -> None:
    """See that the observations of a step key have a part.

    Raises:
        ConfigurationError: If they have not; the message names the nearest.
    """
    check_step_key(observation_spaces, step_key, place)
    known = entries(observation_spaces[step_key])
    if entry not in known:
        raise ConfigurationError(f"{place} names {name_of(entry, step_key)}, which there is not{_hint(entry, known)}")


def step_keys_with(observation_spaces: ObservationSpaces, entry: object, place: str) -> list[StepKey]:
    """The step keys whose observations have a part.

    Raises:
        ConfigurationError: If none has; the message names the nearest.
    """
    found = [step_key for step_key, space in observation_spaces.items() if entry in entries(space)]
    if not found:
        known = dict.fromkeys(key for space in observation_spaces.values() for key in entries(space))
        raise ConfigurationError(
            f"{place} names the observation {entry!r}, which the environment does not have{_hint(entry, known)}"
        )
    return found


def _by_step_key(env: StructuredEnv, choice: EntryChoice, place: str) -> dict[StepKey, list[EntryKey]] | None:
    if choice is None:
        return None
    found: dict[StepKey, list[EntryKey]] = {step_key: [] for step_key in env.observation_spaces}
    if isinstance(choice, Mapping):
        for step_key, named in choice.items():
            for entry in named:
                check_entry(env.observation_spaces, step_key, entry, place)
                found[step_key].append(entry)
        return found
    for entry in choice:
        for step_key in step_keys_with(env.observation_spaces, entry, place):
            found[step_key].append(entry)
    return found


def _hint(name: object, known: Iterable[object]) -> str:
    choices = list(known)
    if choices == [None]:
        return ": its observations are no Dict, so leave the key out"
    return suggest(str(name), choices) or f": choose among {', '.join(repr(choice) for choice in choices)}"


def _past(verb: str) -> str:
    return f"{verb}d" if verb.endswith("e") else f"{verb}ed"
