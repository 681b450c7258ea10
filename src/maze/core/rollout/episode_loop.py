"""The episode loop: from one spec, one environment and the answers of a policy to the rows of an episode."""

from __future__ import annotations

from collections.abc import Callable, Generator, MutableSequence
from copy import deepcopy
from sys import maxsize
from time import monotonic
from typing import Any, NamedTuple, TypeAlias

from maze.core.env.actor_id import FLAT_ACTOR, ActorID
from maze.core.env.event import Event
from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.decision_error import DecisionError
from maze.core.recording.segment import EpisodeEnd, EpisodeSpec, Segment
from maze.core.recording.trajectory_schema import MOST_ROWS
from maze.core.rollout.failed_decision import explained
from maze.core.rollout.turns import Turns, turns_of
from maze.factory import ConfigurationError

Decision: TypeAlias = tuple[Any, ActorID]
EpisodePlay: TypeAlias = Generator[Decision, Any, EpisodeEnd]


class LoopSettings(NamedTuple):
    """What the episode loop needs to know besides spec and environment."""

    max_episode_steps: int = 0
    """Rounds after which the runner cuts an episode; 0: it does not."""

    segment_rows: int = MOST_ROWS
    """Decisions after which a stretch of the episode is handed over, so that memory stays bounded."""

    copy_observations: bool = False
    """For environments that write into observations that they have returned."""


def play_episode(  # noqa: C901, PLR0912, PLR0917 - written out, because calls and names cost time
    env: StructuredEnv,
    spec: EpisodeSpec,
    settings: LoopSettings,
    on_segment: Callable[[Segment], None],
    heartbeat: MutableSequence[int],
    position: int,
    act: Callable[[Any, ActorID, int], Any],
) -> EpisodeEnd:
    """Play one episode: ask for the action of the acting actor and carry it out, until the end.

    Args:
        env: The environment; it is reset with the spec's seed.
        spec: Which episode this is.
        settings: Limits of the episode and its segments.
        on_segment: Takes each stretch of the episode's rows, in order.
        heartbeat: Where the loop shows that it is alive.
        position: Index in `heartbeat` that counts this episode's decisions.
        act: Chooses an action, from an observation, the actor and the slot, which is 0.

    Raises:
        DecisionError: If environment or policy raise in a decision, or one of them does not keep the rules.
    """
    play = _Play(env, spec, settings, on_segment)
    step, turns, pending, actor, observation = play.step, play.turns, play.pending, play.actor, play.observation
    n = 0
    try:
        while True:
            segment, stop = play.begin_segment(n)
            observations, actions, rewards = segment.observations, segment.actions, segment.rewards
            if turns is None:
                while True:
                    observations.append(observation)
                    action = act(observation, actor, 0)
                    actions.append(action)
                    observation, reward, terminated, truncated, info = step(action)
                    rewards.append(reward)
                    heartbeat[position] = n = n + 1
                    if pending:
                        segment.take_events(pending, n - 1)
                    if terminated or truncated or n == stop:
                        break
            else:
                actors, times, settle, next_actor, clock = turns.begin(segment)
                time, limit = turns.time, play.limit
                while True:
                    observations.append(observation)
                    actors.append(actor)
                    times.append(time)
                    action = act(observation, actor, 0)
                    actions.append(action)
                    observation, reward, terminated, truncated, info = step(action)
                    rewards.append(reward)
                    heartbeat[position] = n = n + 1
                    if pending:
                        segment.take_events(pending, n - 1)
                    if settle is not None:
                        settle(actor, reward)
                    actor = next_actor()
                    time = n if clock is None else clock.time  # type: ignore[assignment]  # a clock has a time
                    if terminated or truncated or n == stop or time >= limit:
                        break
                turns.actor, turns.time = actor, time
            if play.end_segment(n, observation, terminated, truncated):
                return play.end(n, info)
    except (DecisionError, ConfigurationError):
        raise
    except (Exception, SystemExit) as error:
        raise explained(error, env, play.segment, actor) from error


def play_by_sending(  # noqa: C901, PLR0917 - as above
    env: StructuredEnv,
    spec: EpisodeSpec,
    settings: LoopSettings,
    on_segment: Callable[[Segment], None],
    heartbeat: MutableSequence[int],
    position: int,
) -> EpisodePlay:
    """Play one episode as `play_episode` does, for a policy that decides for several at once.

    Yields:
        What the acting actor observes, and who that is; the action is sent in return, what a policy raises is thrown.

    Returns:
        How the episode ended.

    Raises:
        DecisionError: As `play_episode`.
    """
    play = _Play(env, spec, settings, on_segment)
    step, turns, pending, actor, observation = play.step, play.turns, play.pending, play.actor, play.observation
    n, time = 0, 0 if turns is None else turns.time
    try:
        while True:
            segment, stop = play.begin_segment(n)
            observations, actions, rewards = segment.observations, segment.actions, segment.rewards
            stretch = None if turns is None else turns.begin(segment)
            while True:
                observations.append(observation)
                if stretch is not None:
                    stretch.actors.append(actor)
                    stretch.times.append(time)
                action = yield observation, actor
                actions.append(action)
                observation, reward, terminated, truncated, info = step(action)
                rewards.append(reward)
                heartbeat[position] = n = n + 1
                if pending:
                    segment.take_events(pending, n - 1)
                if stretch is not None:
                    if stretch.settle is not None:
                        stretch.settle(actor, reward)
                    actor = stretch.next_actor()
                    time = n if stretch.clock is None else stretch.clock.time  # type: ignore[assignment]  # it has one
                if terminated or truncated or n == stop or time >= play.limit:
                    break
            if turns is not None:
                turns.actor, turns.time = actor, time
            if play.end_segment(n, observation, terminated, truncated):
                return play.end(n, info)
    except (DecisionError, ConfigurationError):
        raise
    except (Exception, SystemExit) as error:
        raise explained(error, env, play.segment, actor) from error


class _Play:
    """What happens around the steps of an episode: its beginning, its segments, its end."""

    __slots__ = (
        "_began",
        "_env",
        "_held",
        "_on_segment",
        "_own_limit",
        "_rows",
        "_truncated",
        "actor",
        "limit",
        "observation",
        "pending",
        "segment",
        "step",
        "turns",
    )

    def __init__(
        self, env: StructuredEnv, spec: EpisodeSpec, settings: LoopSettings, on_segment: Callable[[Segment], None]
    ) -> None:
        self._began = monotonic()
        is_adapted = isinstance(env, GymEnv)  # and emits nothing, says nothing about actors
        self.pending: list[Event] = [] if is_adapted else env.pending_events
        self.pending.clear()  # what was emitted before belongs to no episode
        self.observation, _ = env.reset(seed=spec.env_seed)
        self.step: Callable[[Any], tuple[Any, Any, Any, Any, dict[str, Any]]] = env.step
        if settings.copy_observations:
            self.observation, self.step = deepcopy(self.observation), _copying(env.step)
        self._env, self._on_segment, self._rows = env, on_segment, settings.segment_rows
        self._own_limit = env.max_episode_steps or maxsize  # no float, which is slower to compare with
        self.limit = min(self._own_limit, settings.max_episode_steps or maxsize)
        self._truncated = False
        self._held: Segment | None = None
        self.turns: Turns | None = None if is_adapted else turns_of(env)
        self.actor = FLAT_ACTOR if self.turns is None else self.turns.actor

    def begin_segment(self, n: int) -> tuple[Segment, int]:
        """The next segment, and the decision behind which it ends."""
        self.segment = segment = Segment(n)
        if n == 0 and self.pending:
            segment.take_events(self.pending, -1)
        stop = n + self._rows
        return segment, (min(stop, self.limit) if self.turns is None else stop)

    def end_segment(self, n: int, observation: Any, terminated: bool, truncated: bool) -> bool:
        """Hand the segment over, or the one before; returns whether it was the last one of the episode."""
        segment, turns = self.segment, self.turns
        time = n if turns is None else turns.time
        self._truncated = truncated
        segment.terminated = bool(terminated)
        segment.truncated = bool(truncated) or (time >= self.limit and not terminated)
        is_last = segment.terminated or segment.truncated
        if is_last and turns is None:
            segment.observations.append(observation)
        elif is_last and turns is not None:
            turns.end(segment, self._env.final_observations() or {turns.actor: observation})
        if self._held is not None:
            self._on_segment(self._held)
        # Actors earn something, or leave, behind decisions of the segment before: it is held back meanwhile.
        self._held = segment if turns is not None and not is_last else None
        if self._held is None:
            self._on_segment(segment)
        return is_last

    def end(self, n: int, info: dict[str, Any]) -> EpisodeEnd:
        """How the episode ended; where both limits are one, it is the environment's that has cut it."""
        segment, turns = self.segment, self.turns
        truncated_by = None
        if segment.truncated:
            truncated_by = "env" if self._truncated or self._own_limit <= self.limit else "runner"
        if turns is None:
            length, last_actor = n, FLAT_ACTOR
        else:
            length, last_actor = turns.time, segment.actors[len(segment.actions) - 1]  # type: ignore[index]
        seconds = monotonic() - self._began
        return EpisodeEnd(length, segment.terminated, segment.truncated, truncated_by, info, last_actor, seconds)


def _copying(step: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], Any]:
    def step_and_copy(action: Any) -> tuple[Any, ...]:
        observation, *rest = step(action)
        return (deepcopy(observation), *rest)

    return step_and_copy
