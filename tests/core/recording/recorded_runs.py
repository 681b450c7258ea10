"""Real runs for the tests: written by the real writer, from played episodes or from rows made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.agent.random_policy import RandomPolicy
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.event import Event, EventRecord, Metric
from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.episode_draft import EpisodeDraft
from maze.core.recording.episode_row import EpisodeRow
from maze.core.recording.recording_writer import RecordingWriter
from maze.core.recording.segment import EpisodeEnd, EpisodeSpec, Segment
from maze.core.recording.space_json import space_to_json
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.core.rollout.episode_loop import LoopSettings, play_episode
from maze.core.wrappers.member_owner import owner_of


@dataclass(frozen=True)
class Bought(Event):
    """Something was bought."""

    amount: int
    price: float
    label: str | None
    path: tuple[int, ...] = ()
    metrics = (Metric("price", episode="sum"),)


@dataclass(frozen=True)
class Bell(Event):
    """An event without fields."""


class Market(StructuredEnv):
    """Two kinds of decision, two agents that buy and one that sells, events, credits that come later."""

    observation_spaces: Mapping[StepKey, spaces.Space[Any]] = {
        "buy": spaces.Dict({"stock": spaces.Box(-9, 9, (2,)), "a.b": spaces.Discrete(3, start=5)}),
        1: spaces.Tuple([spaces.Box(0, 255, (5, 5, 3), np.uint8), spaces.Text(8)]),
    }
    action_spaces: Mapping[StepKey, spaces.Space[Any]] = {
        "buy": spaces.Discrete(3),
        1: spaces.Dict({"price": spaces.Box(-1, 1, (3,)), "list": spaces.MultiBinary(4)}),
    }
    TURNS = (ActorID("buy", 0), ActorID("buy", 1), ActorID(1, 0))

    def __init__(self, rounds: int = 4) -> None:
        self.rounds = rounds

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.n = 0
        self.emit(Bell())
        return self._observe(self.actor_id()), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.n % 2 == 0:
            price = float(self.np_random.normal())
            self.emit(Bought(self.n, price, None if self.n % 4 else "é", (self.n, 2)))
        self.n += 1
        over = self.n == 3 * self.rounds
        return self._observe(self.actor_id()), 0.5, over, False, {"sold": self.n, "is_success": over}

    def actor_id(self) -> ActorID:
        return self.TURNS[self.n % 3]

    @property
    def time(self) -> int:
        return self.n // 3

    def actor_rewards(self) -> Mapping[ActorID, float] | None:
        return {actor: 0.1 * agent for agent, actor in enumerate(self.TURNS)} if self.n % 3 == 0 else {}

    def is_actor_done(self) -> bool:
        return self.n > 3 * (self.rounds - 1)

    def final_observations(self) -> Mapping[ActorID, Any]:
        return {actor: self._observe(actor) for actor in self.TURNS}

    def kpis(self, events: Sequence[EventRecord], metrics: Mapping[str, float]) -> Mapping[str, float]:
        return {"events": float(len(events))}

    def _observe(self, actor: ActorID) -> Any:
        if actor.step_key == "buy":
            return {"stock": self.np_random.normal(size=2).astype(np.float32), "a.b": 5 + self.n % 3}
        return self.np_random.integers(0, 255, (5, 5, 3), np.uint8), "text" + "é" * (self.n % 3)


def cart_pole() -> GymEnv:
    return GymEnv(gymnasium.make("CartPole-v1"))


def schema_of(env: StructuredEnv, segment_rows: int | None = None) -> TrajectorySchema:
    schema = TrajectorySchema(env.observation_spaces, env.action_spaces)
    schema.segment_rows = segment_rows or schema.segment_rows
    return schema


def write_run_json(run_dir: Path, env: StructuredEnv, n_episodes: int = 0, **changes: Any) -> None:
    content = {
        "status": "complete",
        "format_version": 1,
        "observation_spaces": [[key, space_to_json(space)] for key, space in env.observation_spaces.items()],
        "action_spaces": [[key, space_to_json(space)] for key, space in env.action_spaces.items()],
        "n_episodes_requested": n_episodes,
        "record_trajectory": True,
        "record_event_logs": True,
    }
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "run.json").write_text(json.dumps({**content, **changes}))


@dataclass
class Played:
    """An episode as the episode loop gave it, to compare with what is read back."""

    spec: EpisodeSpec
    segments: list[Segment]
    end: EpisodeEnd
    draft: EpisodeDraft

    @property
    def row(self) -> EpisodeRow:
        """What is kept of it when it is committed."""
        return self.draft.row()

    def chained(self, name: str) -> list[Any]:
        return [entry for segment in self.segments for entry in getattr(segment, name)]


def play(writer: RecordingWriter, env: StructuredEnv, number: int, policy: RandomPolicy | None = None) -> Played:
    """Play an episode by a random policy and write it; it is not committed yet."""
    spec = EpisodeSpec(number, 1000 + number, 2000 + number)
    draft, segments = writer.begin(spec, keep_events=owner_of(env, "kpis") is not None), list[Segment]()
    policy = policy or RandomPolicy(env.action_spaces)
    policy.reset(spec.agent_seed)

    def take(segment: Segment) -> None:
        segments.append(segment)
        writer.add(draft, segment)

    limits = LoopSettings(segment_rows=writer.schema.segment_rows)
    end = play_episode(env, spec, limits, take, [0], 0, policy.act)
    writer.finish(draft, end, env)
    return Played(spec, segments, end, draft)


def record(
    run_dir: Path, env: StructuredEnv, numbers: Iterable[int], writer: str = "a", **options: Any
) -> list[Played]:
    """Record a run, or a part of one, with one commit."""
    write_run_json(run_dir, env, **options)
    writing = RecordingWriter(run_dir, writer, schema_of(env), **options)
    played = [play(writing, env, number) for number in numbers]
    writing.commit()
    writing.close()
    return played


def write_segment(
    writer: RecordingWriter,
    number: int,
    observations: Sequence[Any],
    actions: Sequence[Any],
    info: dict[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Write an episode of one segment that nobody played."""
    rewards = [0.5] * len(actions)
    segment = Segment(0, list(observations), list(actions), rewards, terminated=True, **changes)
    draft = writer.begin(EpisodeSpec(number, number, number))
    writer.add(draft, segment)
    writer.finish(draft, EpisodeEnd(len(actions), True, False, None, info or {}), StructuredEnv())
