"""What is known of a decision that failed, and what was probably to blame."""

from __future__ import annotations

import traceback
from typing import Any

import numpy as np
from gymnasium import spaces

from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.decision_error import DecisionError
from maze.core.recording.misfit import actor_problem, reward_problem, sample_problem
from maze.core.recording.segment import Segment
from maze.core.recording.space_codec import space_codec


def explained(error: BaseException, env: StructuredEnv, segment: Segment, actor: Any) -> DecisionError:
    """An error that was raised in a decision, with the decision, and with what else is wrong with it.

    Args:
        error: What environment or policy have raised.
        env: The environment.
        segment: Where the decision is the last one.
        actor: Whose it is; what the environment says, at least.
    """
    row = max(len(segment.observations) - 1, 0)
    if segment.actors is not None and row < len(segment.actors):
        actor = segment.actors[row]  # the one given may be the next already
    problem = actor_problem(actor, list(env.observation_spaces))
    if problem is None and len(segment.rewards) < len(segment.actions):
        problem = _action_problem(env, actor[0], segment.actions[-1])
    elif problem is None and row < len(segment.rewards):
        problem = reward_problem(segment.rewards[row])
    line = one_line(error)
    return DecisionError(line if problem is None else f"{problem} ({line})", segment.start + row, actor)


def one_line(error: BaseException) -> str:
    """An error as its class and message, and its first note, which says where it happened.

    Example:
        >>> one_line(ValueError("too long"))
        'ValueError: too long'
    """
    notes = getattr(error, "__notes__", [])
    line = traceback.format_exception_only(type(error), error)[-1 - len(notes)].strip()
    return f"{line} ({notes[0]})" if notes else line


def _action_problem(env: StructuredEnv, step_key: Any, action: Any) -> str | None:
    """What is wrong with an action that the environment has failed with."""
    space = env.action_spaces[step_key]
    problem = sample_problem(space_codec(space), action, "action", step_key)
    is_counted = isinstance(space, spaces.Discrete | spaces.MultiDiscrete)
    if problem is None and is_counted and not space.contains(np.asarray(action, space.dtype)):
        problem = f"the action {action!r} is none of action_spaces[{step_key!r}], {space}: let the policy return one"
    return problem
