"""Replay: a recorded episode, played again from its seed and its actions, and compared with what was recorded."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Generator, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from maze.core.env.actor_id import FLAT_ACTOR, ActorID
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.decision_block import EpisodeSegment
from maze.core.recording.decision_error import DecisionError
from maze.core.recording.difference import difference
from maze.core.recording.episode import Episode
from maze.core.recording.episode_draft import EpisodeDraft
from maze.core.recording.recording import Recording
from maze.core.recording.segment import NO_SEED, EpisodeEnd, EpisodeSpec, Segment
from maze.core.recording.space_json import space_to_json
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.core.rollout.episode_loop import LoopSettings, play_by_sending
from maze.core.rollout.normalization import NORMALIZATION_FILE
from maze.core.rollout.probe import seed_global_generators
from maze.core.rollout.recipes import EnvLike, EnvRecipe
from maze.core.rollout.trust import TRUSTED, check_trusted
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.factory import ConfigurationError

IN_RESET = -1
"""The step of what `reset` did."""


@dataclass(frozen=True)
class ReplayReport:
    """Whether an episode, played again, was the same."""

    n_decisions: int
    """Decisions that were carried out again."""

    first_difference: int | None
    """The decision behind which something is not as recorded, -1 for what `reset` did; None: everything is."""

    what: str
    """What differs there, and by how much; empty where nothing does."""

    @property
    def is_same(self) -> bool:
        """Whether everything was as recorded, bit for bit: actors, observations, rewards, flags and events."""
        return self.first_difference is None

    def __str__(self) -> str:
        """Say it in one line."""
        if self.first_difference is None:
            return f"the same in all {self.n_decisions:,} decisions"
        if self.first_difference == IN_RESET:
            return f"differs from the reset on: {self.what}"
        return f"differs from decision {self.first_difference:,} on: {self.what}"


def recorded_env(
    recording: Recording, *, make: EnvLike | None = None, render_mode: str | None = None, allowed: Sequence[str] = ()
) -> StructuredEnv:
    """Build the environment of a run as it was, wrappers and normalisation included.

    Args:
        recording: The run.
        make: What makes the environment with all its wrappers, for a run whose `run.json` does not tell; None: as
            `run.json` tells.
        render_mode: How the environment shows itself; None: not at all.
        allowed: Packages beside our own whose environments and wrappers may be built, because the user trusts them.

    Returns:
        An environment that has played nothing yet. Of a run with the trait `fresh` it is good for one episode.

    Raises:
        ConfigurationError: If `run.json` does not tell how to build it, names what nobody vouches for, or the
            environment has other spaces than the recorded one.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from maze import load, rollout
        >>> with TemporaryDirectory() as folder:
        ...     _ = rollout("CartPole-v1", n_episodes=1, run_dir=folder + "/run")
        ...     recorded_env(load(folder + "/run"))
        <GymEnv<CartPoleEnv<CartPole-v1>>>
    """
    wrappers: Any = None
    if make is None:
        config = recording.metadata.get("config") or {}
        make, wrappers = config.get("env"), config.get("wrappers")
        if make is None:
            name = (recording.metadata.get("env") or {}).get("name", "an environment")
            raise ConfigurationError(
                f"{recording.run_dir} was recorded from Python, its run.json does not tell how {name} was made: "
                "say what makes it, with all its wrappers (--env module:function, make=...)"
            )
        for settings in (make, wrappers):
            check_trusted(settings, [*TRUSTED, *allowed], "add --trust {name} if you trust it")
    recipe = EnvRecipe(make, wrappers, render_mode, recording.run_dir / NORMALIZATION_FILE)
    recipe.check()
    env = recipe()
    try:
        _check_spaces(env, recording)
    except ConfigurationError:
        recipe.close(env)
        raise
    traits = recording.metadata.get("traits") or {}
    return _GloballySeeded(env) if traits.get("seed_globals") else env


def replay_episode(
    episode: Episode,
    env: StructuredEnv,
    on_step: Callable[[int], None] | None = None,
    *,
    as_python_integers: bool = False,
) -> ReplayReport:
    """Play a recorded episode again, and compare everything that happens with what was recorded.

    The recorded actions are carried out to their end also where something differs, as far as the environment goes.

    Args:
        episode: The recorded one.
        env: Of `recorded_env`.
        on_step: Called after the reset with -1, and after every decision with its index; to render, for example.
        as_python_integers: Whether discrete actions are given as `int` rather than in the space's dtype; to an
            environment that computes in single precision that can be a difference in the last digits.

    Raises:
        ValueError: If there is nothing to replay: the episode failed, or its run was recorded without trajectories, or
            without seeds.
        DamagedRecordingError: If the recording cannot be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from maze import load, rollout
        >>> with TemporaryDirectory() as folder:
        ...     _ = rollout("CartPole-v1", n_episodes=1, seeding={"env_base_seed": 1}, run_dir=folder + "/run")
        ...     recording = load(folder + "/run")
        ...     report = replay_episode(recording[0], recorded_env(recording))
        >>> report.is_same
        True
    """
    steps = replay_in_steps(episode, env, as_python_integers=as_python_integers)
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            report: ReplayReport = stop.value
            return report
        if on_step is not None:
            on_step(step)


def replay_in_steps(
    episode: Episode, env: StructuredEnv, *, as_python_integers: bool = False
) -> Generator[int, None, ReplayReport]:
    """Play a recorded episode again as `replay_episode` does, a decision at a time.

    Yields:
        -1 after the reset, and the index of each decision when it is carried out.

    Returns:
        The report.

    Raises:
        ValueError: As `replay_episode`, at the first step.
        DamagedRecordingError: Likewise.
    """
    segments = episode.segments()
    if episode.env_seed == NO_SEED:
        raise ValueError(f"episode {episode.number} was recorded without its seed: it cannot be played again")
    replay = _Replay(episode, env, as_python_integers=as_python_integers)
    try:
        for segment in segments:
            goes_on = yield from replay.carry_out(segment)
            if not goes_on:
                break
    finally:
        replay.loop.close()
    return replay.report()


class _Replay:
    """A replay under way: the loop of every rollout, fed with recorded actions."""

    def __init__(self, episode: Episode, env: StructuredEnv, *, as_python_integers: bool) -> None:
        self._schema: TrajectorySchema = episode.schema
        self._episode, self._env = episode, _Watched(env)
        self._as_python_integers = as_python_integers
        limit = episode.length or 0 if episode.truncated_by == "runner" else 0
        spec = EpisodeSpec(episode.number, episode.env_seed, episode.agent_seed)
        self._draft = EpisodeDraft(spec, self._schema)
        self._last = Segment(0)
        settings = LoopSettings(limit, self._schema.segment_rows, copy_observations=True)
        self.loop = play_by_sending(self._env, spec, settings, self._take, [0, 0, 0], 2)
        self._n = 0
        self._decision: tuple[Any, ActorID] | None = None
        self._end: EpisodeEnd | None = None
        self._first: int | None = None
        self._what = ""

    def carry_out(self, recorded: EpisodeSegment) -> Generator[int, None, bool]:
        """Carry out the actions of a stretch; returns whether the episode goes on."""
        for index, (actor, time, observation, action) in enumerate(decisions_of(recorded, self._schema)):
            if self._n == 0:
                if not self._advance(None):
                    return False
                yield IN_RESET
            self._compare_decision(actor, time, observation)
            if not self._advance(given_action(action, as_python_integers=self._as_python_integers)):
                return False
            self._compare_outcome(float(recorded.rewards[index]))
            yield self._n
            self._n += 1
            if self._end is not None:
                break
        return self._compare_ends(recorded)

    def report(self) -> ReplayReport:
        """Sum up; what no comparison has seen, the hash tells."""
        if self._first is None and self._end is not None:
            self._draft.finish(self._end, self._env)
            if self._draft.row().hash != self._episode.hash:
                self._differ(self._n - 1, "the hash of the episode, though its decisions agree: events, or who is done")
        return ReplayReport(self._n, self._first, self._what)

    def _advance(self, action: Any) -> bool:
        """Let the loop go on up to the next decision, or the end; returns whether it could."""
        self._decision = None
        try:
            self._decision = self.loop.send(action)
        except StopIteration as stop:
            self._end = stop.value
        except DecisionError as error:
            self._differ(IN_RESET if action is None else self._n, f"now {error}")
            return False
        return True

    def _take(self, segment: Segment) -> None:
        """Take in a stretch of what happens now: its hash, while everything agrees."""
        self._last = segment
        if self._first is None:
            self._draft.digest(self._draft.add(segment))

    def _compare_decision(self, actor: ActorID, time: int, observation: Any) -> None:
        before = self._n - 1  # which has led here
        if self._first not in (None, before) or self._decision is None:
            return
        observed_now, actor_now = self._decision
        if actor_now != actor:
            self._differ(before, f"next acted {tuple(actor)}, now {tuple(actor_now)}")
            return
        codec = self._schema.observation_codecs[self._schema.key_index[actor.step_key]]
        self._differ(before, difference(codec, observation, observed_now, "observation"))
        clock = self._env.time
        if clock not in (None, time):
            self._differ(before, f"time was {time}, now {clock}")

    def _compare_outcome(self, recorded_reward: float) -> None:
        if self._first is not None:
            return
        reward = float(self._env.reward)
        if struct.pack("d", reward) != struct.pack("d", recorded_reward):
            self._differ(self._n, f"the reward was {recorded_reward!r}, now {reward!r}")
        is_last = self._n + 1 == self._episode.n_decisions
        has_ended, now_ends = is_last, self._end
        for name in ("terminated", "truncated"):
            before = has_ended and bool(getattr(self._episode, name))
            after = now_ends is not None and bool(getattr(now_ends, name))
            if before != after:
                self._differ(self._n, f"{name} was {before}, now {after}")

    def _compare_ends(self, recorded: EpisodeSegment) -> bool:
        """Compare whether the episode ends here, and with what; returns whether both go on."""
        finals = recorded.final_observations
        if self._end is None:
            return not finals
        if finals and self._n == recorded.start + recorded.n_decisions:
            self._compare_finals(finals)
        return False

    def _compare_finals(self, recorded: dict[ActorID, Any]) -> None:
        last = self._last
        n = len(last.actions)
        actors = [FLAT_ACTOR] if last.actors is None else last.actors[n:]
        now = dict(zip(actors, last.observations[n:], strict=True))
        for actor, observation in recorded.items():
            if actor not in now:
                self._differ(self._n - 1, f"{tuple(actor)} had a final observation, now it has none")
                return
            codec = self._schema.observation_codecs[self._schema.key_index[actor.step_key]]
            self._differ(self._n - 1, difference(codec, observation, now[actor], "final observation"))

    def _differ(self, step: int, what: str | None) -> None:
        if what and self._first is None:
            self._first, self._what = step, what
        elif what and self._first == step:
            self._what += f"; {what}"


class _Watched(StructuredWrapper):
    """Keeps what the last step gave."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Carry out an action."""
        result = self.env.step(action)
        _, self.reward, self.terminated, self.truncated = result[:4]
        return result


class _GloballySeeded(StructuredWrapper):
    """Seeds the generators that everything in a process shares, as it was done when the episode was recorded."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        if seed is not None:
            seed_global_generators(seed)
        return self.env.reset(seed=seed, options=options)


def decisions_of(segment: EpisodeSegment, schema: TrajectorySchema) -> Iterator[tuple[ActorID, int, Any, Any]]:
    """Actor, time, observation and action of each decision."""
    observations, actions = segment.observations, segment.actions
    if schema.flat:
        rows = range(segment.n_decisions)
        observations = map(partial(schema.observation_codecs[0].row, observations), rows)
        actions = map(partial(schema.action_codecs[0].row, actions), rows)
    return zip(segment.actor_ids, segment.times.tolist(), observations, actions, strict=True)


def given_action(action: Any, *, as_python_integers: bool) -> Any:
    """A recorded action as an environment may get it: in memory of its own, for it may be written into.

    Args:
        action: The recorded one.
        as_python_integers: Whether a single discrete one becomes an `int`; all others have been given as recorded.

    Example:
        >>> given_action(np.int64(3), as_python_integers=True)
        3
    """
    return int(action) if isinstance(action, np.integer) and as_python_integers else deepcopy(action)


def _check_spaces(env: StructuredEnv, recording: Recording) -> None:
    for name in ("observation_spaces", "action_spaces"):
        given = [[key, space_to_json(space)] for key, space in getattr(env, name).items()]
        recorded = recording.metadata[name]
        if json.loads(json.dumps(given)) != recorded:
            raise ConfigurationError(
                f"the environment's {name} are not those of {recording.run_dir}: "
                f"give what makes the environment that was recorded, with all its wrappers"
            )
