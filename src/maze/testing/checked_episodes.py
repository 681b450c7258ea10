"""Plays episodes of legal random actions, and looks at everything that the environment gives back."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from maze.core.env.actor_id import ActorID
from maze.core.env.event import EventRecord
from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.probe import global_generators
from maze.testing.action_masks import check_masks, sample_legal
from maze.testing.conformance import ConformanceError, Moment, call
from maze.testing.event_check import check_events
from maze.testing.sample_check import SampleCheck
from maze.testing.summary_check import check_kpis, check_state

REMEMBERED = 4
"""Observations that are looked at again after each step; buffers are written into at once, or in a small ring."""


class CheckedEpisodes:
    """Episodes of one environment, every step of which is checked.

    Args:
        env: The environment; its interface has been checked.
        renders: Whether to call `render` after each step, to see that this changes nothing.
    """

    def __init__(self, env: StructuredEnv, *, renders: bool = False) -> None:
        """Prepare the checks of the spaces as they are now."""
        self.env = env
        self._renders = renders
        self._spaces = _spaces(env)
        self._observation_checks = {key: SampleCheck(space) for key, space in env.observation_spaces.items()}
        self._action_checks = {key: SampleCheck(space) for key, space in env.action_spaces.items()}
        self._remembered: deque[tuple[str, ActorID, Any, bytes]] = deque(maxlen=REMEMBERED)
        self._has_clock: bool | None = None
        self._time = 0

    def play(self, seed: int, n_steps: int) -> list[Moment]:
        """Play one episode, to its end or for some steps; the actions are the same for each seed.

        Raises:
            ConformanceError: If something is not as it has to be.
        """
        where = f"in reset(seed={seed})"
        self._records: list[EventRecord] = []
        action_spaces = {key: deepcopy(space) for key, space in self.env.action_spaces.items()}
        for space in action_spaces.values():
            space.seed(0)
        observation = self._reset(where, seed)
        actor, observed = self._look(where, observation)
        moments = [Moment(where, observed)]
        check_state(self.env, where)
        for step in range(n_steps):
            where = f"in step {step} after reset(seed={seed}), actor {tuple(actor)}"
            check_masks(self.env, actor.step_key, observation, where)
            action = sample_legal(self.env, actor.step_key, action_spaces[actor.step_key], observation)
            observation, contents, is_over = self._step(where, actor, action)
            actor, observed = self._look(where, observation)
            moments.append(Moment(where, contents | observed))
            n_rounds = step + 1 if self.env.time is None else self._time
            if is_over or n_rounds >= (self.env.max_episode_steps or math.inf):
                self._check_end(where)
                break
        check_state(self.env, where)
        check_kpis(self.env, self._records, f"of the episode until {where[3:]}")
        if _spaces(self.env) != self._spaces:
            raise ConformanceError(f"the spaces changed between reset(seed={seed}) and {where[3:]}: keep them constant")
        return moments

    def _reset(self, where: str, seed: int) -> Any:
        before = global_generators()
        returned: Any = call("reset", where, self.env.reset, seed=seed)
        _check_globals(before, where)
        if not isinstance(returned, tuple) or len(returned) != 2 or not isinstance(returned[1], dict):  # noqa: PLR2004
            raise ConformanceError(f"reset returned {_kind(returned)} ({where}): return (observation, info dict)")
        self._time = 0
        if self.env.time not in (None, 0):
            raise ConformanceError(f"time is {self.env.time!r} ({where}): it counts completed rounds, begin at 0")
        return returned[0]

    def _step(self, where: str, actor: ActorID, action: Any) -> tuple[Any, dict[str, bytes], bool]:
        action_check = self._action_checks[actor.step_key]
        frozen_action = action_check.frozen(action)
        before = global_generators()
        returned: Any = call("step", where, self.env.step, action)
        _check_globals(before, where)
        if not isinstance(returned, tuple) or len(returned) != 5:  # noqa: PLR2004 - gymnasium's five
            raise ConformanceError(
                f"step returned {_kind(returned)} ({where}): return (observation, reward, terminated, truncated, info)"
            )
        observation, reward, terminated, truncated, info = returned
        if action_check.frozen(action) != frozen_action:
            raise ConformanceError(f"step wrote into its action ({where}): work on a copy, the action is recorded")
        _check_number("the reward", reward, where)
        for name, flag in (("terminated", terminated), ("truncated", truncated)):
            if not isinstance(flag, bool | np.bool_):
                raise ConformanceError(f"{name} is {flag!r}, a {type(flag).__name__} ({where}): return a bool")
        if not isinstance(info, dict):
            raise ConformanceError(f"info is a {type(info).__name__} ({where}): return a dict")
        self._check_turn(where)
        contents = {
            "action": frozen_action,
            "reward": float(reward).hex().encode(),
            "end": bytes([bool(terminated), bool(truncated)]),
        }
        return observation, contents, bool(terminated or truncated)

    def _look(self, where: str, observation: Any) -> tuple[ActorID, dict[str, bytes]]:
        """Check what is observed, by whom, when, and what happened; give it as bytes."""
        if self._renders:
            call("render", where, self.env.render)
        actor = self._actor(where)
        check = self._observation_checks[actor.step_key]
        check("the observation", observation, where)
        frozen = check.frozen(observation)
        for earlier, its_actor, remembered, before in self._remembered:
            if self._observation_checks[its_actor.step_key].frozen(remembered) != before:
                raise ConformanceError(
                    f"the observation returned {earlier} was written into later, {where}: "
                    "return a new array each time, or a copy of the buffer"
                )
        self._remembered.append((where, actor, observation, frozen))
        events = list(self.env.pending_events)
        self.env.pending_events.clear()
        check_events(events, actor, where)
        self._records += [EventRecord(0, self._time, actor, event) for event in events]
        return actor, {
            "actor": repr(tuple(actor)).encode(),
            "observation": frozen,
            "time": repr(self._check_time(where)).encode(),
            "events": repr(events).encode(),
        }

    def _actor(self, where: str) -> ActorID:
        actor = _actor_id(self.env.actor_id(), "actor_id()", self._spaces[0], where)
        if self.env.actor_id() != actor:
            raise ConformanceError(f"actor_id() differs when asked again ({where}): only reset and step may change it")
        return actor

    def _check_time(self, where: str) -> int | None:
        time = self.env.time
        if self._has_clock is None:
            self._has_clock = time is not None
        if (time is not None) != self._has_clock or (time is not None and not isinstance(time, int | np.integer)):
            raise ConformanceError(f"time is {time!r} ({where}): let it be a whole number always, or None always")
        if time is not None:
            if time < self._time:
                raise ConformanceError(f"time went back from {self._time} to {time} ({where}): it counts rounds")
            self._time = int(time)
        return time

    def _check_turn(self, where: str) -> None:
        """See who is done, and whose the rewards are."""
        if not isinstance(self.env.is_actor_done(), bool | np.bool_):
            raise ConformanceError(f"is_actor_done() gives {self.env.is_actor_done()!r} ({where}): return a bool")
        departed = self.env.departed_actors()
        if not isinstance(departed, Mapping):
            raise ConformanceError(f"departed_actors() gives {_kind(departed)} ({where}): return a dict by actor id")
        for actor, how in departed.items():
            _actor_id(actor, "a key of departed_actors()", self._spaces[0], where)
            if how not in ("terminated", "truncated"):
                raise ConformanceError(
                    f"departed_actors()[{tuple(actor)}] is {how!r} ({where}): say 'terminated' or 'truncated'"
                )
        shares = self.env.actor_rewards()
        if shares is not None and not isinstance(shares, Mapping):
            raise ConformanceError(f"actor_rewards() gives {_kind(shares)} ({where}): return a dict by actor id")
        for actor, share in (shares or {}).items():
            _actor_id(actor, "a key of actor_rewards()", self._spaces[0], where)
            _check_number(f"actor_rewards()[{tuple(actor)}]", share, where)

    def _check_end(self, where: str) -> None:
        """See that the end leaves something to look at."""
        where = f"at the end, {where}"
        self._actor(where)
        final = self.env.final_observations()
        if final is not None and not isinstance(final, Mapping):
            raise ConformanceError(f"final_observations() gives {_kind(final)} ({where}): return a dict by actor id")
        for actor, observation in (final or {}).items():
            step_key = _actor_id(actor, "a key of final_observations()", self._spaces[0], where).step_key
            self._observation_checks[step_key](f"final_observations()[{tuple(actor)}]", observation, where)


def _spaces(env: StructuredEnv) -> tuple[dict[Any, Any], dict[Any, Any]]:
    if isinstance(env, GymEnv):
        return {0: env.env.observation_space}, {0: env.env.action_space}
    return dict(env.observation_spaces), dict(env.action_spaces)


def _actor_id(given: Any, what: str, spaces: Mapping[Any, Any], where: str) -> ActorID:
    if not isinstance(given, tuple) or len(given) != 2:  # noqa: PLR2004 - step key and agent
        raise ConformanceError(f"{what} is {given!r} ({where}): give an ActorID(step_key, agent_id)")
    step_key, agent_id = given
    if step_key not in spaces:
        raise ConformanceError(f"{what} has the step key {step_key!r} ({where}): there are spaces for {list(spaces)}")
    if isinstance(agent_id, bool) or not isinstance(agent_id, int) or agent_id < 0:
        raise ConformanceError(f"{what} has the agent_id {agent_id!r} ({where}): count agents from 0, as int")
    return ActorID(step_key, agent_id)


def _check_number(what: str, value: Any, where: str) -> None:
    if not isinstance(value, int | float | np.integer | np.floating) or not math.isfinite(value):
        raise ConformanceError(f"{what} is {value!r}, a {type(value).__name__} ({where}): return a finite float")


def _check_globals(before: tuple[Any, ...], where: str) -> None:
    if global_generators() != before:
        raise ConformanceError(
            f"the global generators of random or numpy.random were used ({where}): "
            "draw from self.np_random, which super().reset(seed=seed) seeds"
        )


def _kind(returned: Any) -> str:
    return f"a tuple of {len(returned)}" if isinstance(returned, tuple) else f"a {type(returned).__name__}"
