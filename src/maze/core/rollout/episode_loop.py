"""The episode loop: from one spec, one environment and the answers of a policy to the rows of an episode."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, MutableSequence
from copy import deepcopy
from math import inf
from typing import Any, NamedTuple, SupportsFloat, TypeAlias

from maze.core.env.actor_id import FLAT_ACTOR, ActorID
from maze.core.env.event import EventRecord
from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.segment import EpisodeEnd, EpisodeSpec, Segment

Decision: TypeAlias = tuple[Any, ActorID]
EpisodePlay: TypeAlias = Generator[Decision, Any, EpisodeEnd]


class LoopSettings(NamedTuple):
    """What the episode loop needs to know besides spec and environment."""

    max_episode_steps: int = 0
    """Rounds after which the runner cuts an episode; 0: it does not."""

    segment_rows: int = 16384
    """Decisions after which a stretch of the episode is handed over, so that memory stays bounded."""

    copy_observations: bool = False
    """For environments that write into observations that they have returned."""


def play_episode(  # noqa: PLR0917 - called once per episode, where names cost time
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
    """
    play = _Play(env, spec, settings, on_segment)
    step, turns, actor, observation = play.step, play.turns, play.actor, play.observation
    n = 0
    while True:
        observations, actions, rewards, stop = play.begin_segment(n)
        while True:
            observations.append(observation)
            action = act(observation, actor, 0)
            observation, reward, terminated, truncated, info = step(action)
            actions.append(action)
            rewards.append(reward)
            heartbeat[position] = n = n + 1
            if turns is not None:
                actor = turns.pass_on(reward, n)
            if terminated or truncated or n == stop or (turns is not None and turns.time >= play.limit):
                break
        if play.end_segment(n, observation, terminated, truncated):
            return play.end(n, info)


def play_by_sending(  # noqa: PLR0917 - as above
    env: StructuredEnv,
    spec: EpisodeSpec,
    settings: LoopSettings,
    on_segment: Callable[[Segment], None],
    heartbeat: MutableSequence[int],
    position: int,
) -> EpisodePlay:
    """Play one episode as `play_episode` does, for a policy that decides for several at once.

    Yields:
        What the acting actor observes, and who that is; the action is sent in return.

    Returns:
        How the episode ended.
    """
    play = _Play(env, spec, settings, on_segment)
    step, turns, actor, observation = play.step, play.turns, play.actor, play.observation
    n = 0
    while True:
        observations, actions, rewards, stop = play.begin_segment(n)
        while True:
            observations.append(observation)
            action = yield observation, actor
            observation, reward, terminated, truncated, info = step(action)
            actions.append(action)
            rewards.append(reward)
            heartbeat[position] = n = n + 1
            if turns is not None:
                actor = turns.pass_on(reward, n)
            if terminated or truncated or n == stop or (turns is not None and turns.time >= play.limit):
                break
        if play.end_segment(n, observation, terminated, truncated):
            return play.end(n, info)


class _Play:
    """What happens around the steps of an episode: its beginning, its segments, its end."""

    __slots__ = (
        "_env",
        "_on_segment",
        "_own_limit",
        "_rows",
        "_segment",
        "_truncated",
        "actor",
        "limit",
        "observation",
        "step",
        "turns",
    )

    def __init__(
        self, env: StructuredEnv, spec: EpisodeSpec, settings: LoopSettings, on_segment: Callable[[Segment], None]
    ) -> None:
        is_flat = isinstance(env, GymEnv)
        if not is_flat:
            env.pending_events.clear()  # what was emitted before belongs to no episode
        self.observation, _ = env.reset(seed=spec.env_seed)
        self.step: Callable[[Any], tuple[Any, Any, Any, Any, dict[str, Any]]] = env.step
        if settings.copy_observations:
            self.observation, self.step = deepcopy(self.observation), _copying(env.step)
        self._env, self._on_segment, self._rows = env, on_segment, settings.segment_rows
        self._own_limit = env.max_episode_steps or inf
        self.limit = min(self._own_limit, settings.max_episode_steps or inf)
        self._truncated = False
        self.turns = None if is_flat else _Turns(env)
        self.actor = FLAT_ACTOR if self.turns is None else self.turns.actor

    def begin_segment(self, n: int) -> tuple[list[Any], list[Any], list[Any], float]:
        """Lists for observations, actions and rewards, and the decision after which they are handed over."""
        self._segment = segment = Segment(n)
        stop: float = n + self._rows
        if self.turns is not None:
            self.turns.begin(segment)
        else:
            stop = min(stop, self.limit)
        return segment.observations, segment.actions, segment.rewards, stop

    def end_segment(self, n: int, observation: Any, terminated: bool, truncated: bool) -> bool:
        """Hand the segment over; returns whether it was the last one of the episode."""
        segment, turns = self._segment, self.turns
        time = n if turns is None else turns.time
        self._truncated = truncated
        segment.terminated = bool(terminated)
        segment.truncated = bool(truncated) or (time >= self.limit and not terminated)
        is_last = segment.terminated or segment.truncated
        if is_last and turns is None:
            segment.observations.append(observation)
        elif is_last and turns is not None:
            turns.add_final_observations(segment, observation)
        self._on_segment(segment)
        return is_last

    def end(self, n: int, info: dict[str, Any]) -> EpisodeEnd:
        """How the episode ended; where both limits are one, it is the environment's that has cut it."""
        segment, turns = self._segment, self.turns
        truncated_by = None
        if segment.truncated:
            truncated_by = "env" if self._truncated or self._own_limit <= self.limit else "runner"
        if turns is None:
            return EpisodeEnd(n, segment.terminated, segment.truncated, truncated_by, info)
        return EpisodeEnd(turns.time, segment.terminated, segment.truncated, truncated_by, info, turns.last_actor)


class _Turns:
    """Who acts in a structured environment, whose the rewards are, and what happened."""

    def __init__(self, env: StructuredEnv) -> None:
        self.env = env
        self.actor = self.last_actor = ActorID(*env.actor_id())
        self.time = env.time or 0
        self.pending = env.pending_events
        self.latest: dict[ActorID, int] = {}
        self.owed: dict[ActorID, float] = {}
        self.has_begun = False

    def begin(self, segment: Segment) -> None:
        """Go on in a new segment; what is credited to decisions before it is owed to the actor's next one."""
        self.latest.clear()
        self.events = segment.events
        self.actors: list[ActorID] = []
        self.times: list[int] = []
        self.credits: list[float] = []
        self.actors_done: list[bool] = []
        segment.actors, segment.times = self.actors, self.times
        segment.credits, segment.actors_done = self.credits, self.actors_done
        if not self.has_begun:
            self.has_begun = True
            self.collect_events(-1)

    def pass_on(self, reward: SupportsFloat, n: int) -> ActorID:
        """Note the decision that was just carried out, the n-th of the episode; returns who acts next."""
        env, actor = self.env, self.actor
        if self.pending:
            self.collect_events(n - 1)
        self.latest[actor] = len(self.actors)
        self.actors.append(actor)
        self.times.append(self.time)
        shares = env.actor_rewards()
        self.credits.append(float(reward) if shares is None else 0.0)
        if shares or self.owed:
            self.share_out({} if shares is None else shares)
        self.actors_done.append(env.is_actor_done())
        time = env.time
        self.time = n if time is None else time
        self.last_actor = actor
        self.actor = ActorID(*env.actor_id())
        return self.actor

    def share_out(self, shares: Mapping[ActorID, float]) -> None:
        """Credit each earner's latest decision; what finds none waits for the next."""
        for earner, share in shares.items():
            self.owed[earner] = self.owed.get(earner, 0.0) + share
        for earner in [earner for earner in self.owed if earner in self.latest]:
            self.credits[self.latest[earner]] += self.owed.pop(earner)

    def add_final_observations(self, segment: Segment, observation: Any) -> None:
        """Add what each actor observes at the end; by default, what the last step returned."""
        final = self.env.final_observations() or {self.actor: observation}
        segment.observations.extend(final.values())
        self.actors.extend(ActorID(*actor) for actor in final)
        self.times.extend([self.time] * len(final))

    def collect_events(self, step: int) -> None:
        """Take over what the environment emitted in a decision; -1: in reset."""
        self.events.extend(EventRecord(step, self.time, self.actor, event) for event in self.pending)
        self.pending.clear()


def _copying(step: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], Any]:
    def step_and_copy(action: Any) -> tuple[Any, ...]:
        observation, *rest = step(action)
        return (deepcopy(observation), *rest)

    return step_and_copy
