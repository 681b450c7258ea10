"""Finds the decision of a segment that cannot be recorded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from operator import index
from typing import Any

from maze.core.env.actor_id import FLAT_ACTOR, StepKey
from maze.core.recording.decision_error import DecisionError
from maze.core.recording.segment import Segment
from maze.core.recording.space_codec import SpaceCodec


def find_misfit(
    segment: Segment,
    step_keys: Sequence[StepKey],
    observation_codecs: Sequence[SpaceCodec],
    action_codecs: Sequence[SpaceCodec],
) -> DecisionError | None:
    """The first decision that does not fit, by its actor, observation, action or reward; None where all fit.

    Only called when something has failed, for it goes through the segment row by row.
    """
    for row, (actor, observation) in enumerate(
        zip(segment.actors or repeat(FLAT_ACTOR), segment.observations, strict=False)
    ):
        is_decision = row < len(segment.actions)
        problem = actor_problem(actor, step_keys)
        if problem is None:
            key = step_keys.index(actor[0])
            problem = sample_problem(observation_codecs[key], observation, "observation", actor[0])
            if problem is None and is_decision:
                problem = sample_problem(action_codecs[key], segment.actions[row], "action", actor[0])
            if problem is None and is_decision:
                problem = reward_problem(segment.rewards[row])
        if problem is not None:
            step = segment.start + min(row, len(segment.actions) - 1)
            return DecisionError(problem if is_decision else f"at the end, {problem}", step, actor)
    return None


def actor_problem(actor: Any, step_keys: Sequence[StepKey]) -> str | None:
    """What is wrong with an actor that an environment named; None: nothing.

    Example:
        >>> actor_problem(("bid", 0), ["buy"])
        "actor_id() names the step key 'bid', but there are spaces for 'buy': name one of these, or add spaces for it"
    """
    if not isinstance(actor, tuple) or len(actor) != 2:  # noqa: PLR2004 - step key and agent
        return f"actor_id() returned {actor!r:.80}: return an ActorID(step_key, agent_id)"
    step_key, agent_id = actor
    if step_key not in step_keys:
        return (
            f"actor_id() names the step key {step_key!r}, but there are spaces for {', '.join(map(repr, step_keys))}: "
            "name one of these, or add spaces for it"
        )
    try:
        index(agent_id)
    except TypeError:
        return f"actor_id() names the agent {agent_id!r}: agent ids are whole numbers, counted from 0"
    return None


def sample_problem(codec: SpaceCodec, sample: Any, kind: str, step_key: StepKey) -> str | None:
    """What keeps an observation or an action from being one of its space; None: nothing."""
    try:
        codec.checked(sample)
    except ValueError as error:
        culprit = "the policy" if kind == "action" else "the environment"
        return f"the {kind} does not fit {kind}_spaces[{step_key!r}]: {error}: let {culprit} return what the space says"
    return None


def reward_problem(reward: Any) -> str | None:
    """What keeps a reward from being a number; None: nothing."""
    try:
        float(reward)
    except (TypeError, ValueError):
        return f"the reward {reward!r:.80} is no number: return a float from step"
    return None
