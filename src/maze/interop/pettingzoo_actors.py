"""The agents of a PettingZoo environment as actors: their identities, their spaces, their masks."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import ActorID

Agent: TypeAlias = Hashable
"""What a PettingZoo environment calls an agent, such as `player_0`."""

Spaces: TypeAlias = tuple[gymnasium.Space[Any], gymnasium.Space[Any]]
"""What an agent observes, and what it may do."""

MASK, OBSERVATION = "action_mask", "observation"
"""Entries of observations, by PettingZoo's convention."""

MASK_TYPES: tuple[Any, ...] = (np.dtype(bool), np.dtype(np.int8))
"""Of masks that are passed on as they are."""

_NUMBERED = re.compile(r"(.*?)_?(0|[1-9]\d*)")


def actors_of(agents: Mapping[Agent, Spaces]) -> dict[Agent, ActorID]:
    """Identify agents: those with equal spaces and the same name but for its number share a step key.

    The step key is the name without the number, which becomes the agent id, so that `player_1` is the agent 1 of the
    step key `player`. Where agents of one stem have different spaces, or names that no number tells apart, the step key
    is the name of the first that has these spaces, and the agents are counted.

    Args:
        agents: Each with its spaces.

    Example:
        >>> board, choice = spaces.MultiBinary(9), spaces.Discrete(9)
        >>> actors_of({"player_1": (board, choice), "player_2": (board, choice), "judge": (board, spaces.Discrete(2))})
        {'player_1': ActorID(step_key='player', agent_id=1), 'player_2': ActorID(step_key='player', agent_id=2),
         'judge': ActorID(step_key='judge', agent_id=0)}
    """
    by_stem: dict[str, list[Agent]] = {}
    for agent in agents:
        by_stem.setdefault(_stem_and_number(agent)[0], []).append(agent)
    actors: dict[Agent, ActorID] = {}
    for stem, members in by_stem.items():
        groups = _alike(members, agents)
        for group in groups:
            numbers = [_stem_and_number(agent)[1] for agent in group]
            if len(groups) == 1 and len(set(numbers)) == len(numbers):
                actors |= {agent: ActorID(stem, number) for agent, number in zip(group, numbers, strict=True)}
            else:
                actors |= {agent: ActorID(str(group[0]), number) for number, agent in enumerate(group)}
    return {agent: actors[agent] for agent in agents}


class MaskedObservations:
    """What the actors of one step key observe, with the mask of their actions where they have one.

    PettingZoo's environments give masks in the entry `action_mask` of an observation, or of an agent's info. The latter
    become part of the observation, so that policies see them.

    Args:
        space: Of the agents' observations.
        action_space: Of their actions.
        in_info: Whether their infos have masks.
    """

    def __init__(self, space: gymnasium.Space[Any], action_space: gymnasium.Space[Any], *, in_info: bool) -> None:
        """Find the mask."""
        self.space = space
        entries: dict[str, Any] = dict(space.spaces) if isinstance(space, spaces.Dict) else {OBSERVATION: space}
        self._is_dict = isinstance(space, spaces.Dict)
        self._shape: tuple[int, ...] | None = None
        self._all_legal: np.ndarray | None = None
        self.is_masked = MASK in entries and isinstance(action_space, spaces.Discrete | spaces.MultiDiscrete)
        if self.is_masked and entries[MASK].dtype not in MASK_TYPES:
            self._shape = entries[MASK].shape
            self.space = spaces.Dict({**entries, MASK: spaces.Box(0, 1, self._shape, np.int8)})
        elif MASK not in entries and in_info and isinstance(action_space, spaces.Discrete):
            self.is_masked = True
            self._all_legal = np.ones(int(action_space.n), np.int8)
            self.space = spaces.Dict({**entries, MASK: spaces.MultiBinary(int(action_space.n))})

    def __call__(self, observation: Any, info: Mapping[str, Any]) -> Any:
        """The observation with the mask; without one in the info, everything is legal."""
        if self._shape is not None:
            return {**observation, MASK: np.array(observation[MASK], np.int8).reshape(self._shape)}
        if self._all_legal is None:
            return observation
        entries = observation if self._is_dict else {OBSERVATION: observation}
        return {**entries, MASK: np.array(info.get(MASK, self._all_legal), np.int8)}


def _stem_and_number(agent: Agent) -> tuple[str, int]:
    match = _NUMBERED.fullmatch(str(agent))
    return (match[1] or "agent", int(match[2])) if match else (str(agent), 0)


def _alike(members: Sequence[Agent], agents: Mapping[Agent, Spaces]) -> list[list[Agent]]:
    """Agents grouped by equal spaces."""
    groups: list[list[Agent]] = []
    for agent in members:
        for group in groups:
            if agents[group[0]] == agents[agent]:
                group.append(agent)
                break
        else:
            groups.append([agent])
    return groups
