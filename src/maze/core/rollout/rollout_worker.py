"""One worker of a run: its environments, its policy, and the episodes that it plays and writes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, MutableSequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeAlias

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.decision_error import DecisionError
from maze.core.recording.episode_draft import EpisodeDraft
from maze.core.recording.recording_writer import RecordingError, RecordingWriter
from maze.core.recording.segment import EpisodeEnd, EpisodeSpec, Segment
from maze.core.recording.space_check import SpaceCheck
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.core.rollout.episode_loop import EpisodePlay, LoopSettings, play_by_sending, play_episode
from maze.core.rollout.exact_actions import exact_actions
from maze.core.rollout.failed_decision import one_line
from maze.core.rollout.heartbeat import Heartbeat, Phase
from maze.core.rollout.policy_outputs import AskedPolicy, output_spaces
from maze.core.rollout.probe import seed_global_generators
from maze.core.rollout.rollout_job import Committed, Done, Failed, Noted, Report, RolloutJob
from maze.core.wrappers.member_owner import owner_of
from maze.factory import ConfigurationError

Source: TypeAlias = Callable[[], EpisodeSpec | None]
"""Gives the next episode to play; None: there is none at the moment."""

Act: TypeAlias = Callable[[Any, ActorID, int], Any]
"""Chooses an action, from an observation, the actor and the slot."""

LoopArguments: TypeAlias = tuple[
    StructuredEnv, EpisodeSpec, LoopSettings, Callable[[Segment], None], MutableSequence[int], int
]


class EpisodeWriter(Protocol):
    """What takes the episodes of a worker; as a rule a `RecordingWriter`."""

    def begin(self, spec: EpisodeSpec, *, keep_events: bool = False) -> EpisodeDraft:
        """Begin an episode; for KPIs, all its events stay in memory until its end."""

    def add(self, draft: EpisodeDraft, segment: Segment) -> None:
        """Take in the next stretch of its rows."""

    def finish(self, draft: EpisodeDraft, end: EpisodeEnd, env: StructuredEnv) -> None:
        """Take in how it ended."""

    def abandon(self, draft: EpisodeDraft) -> None:
        """Forget an episode that will not be finished."""

    def is_commit_due(self) -> bool:
        """Whether what is uncommitted has waited for long enough."""

    def commit(self) -> dict[str, list[int]]:
        """Keep the finished episodes for good; returns their numbers by the names of their parts."""

    def close(self) -> None:
        """Remove what was not committed."""


@dataclass(slots=True)
class _Play:
    """An episode that waits for a decision."""

    draft: EpisodeDraft
    loop: EpisodePlay
    observation: Any = None
    actor_id: ActorID | None = None


class RolloutWorker:
    """Plays episodes in its slots, writes them, and reports: the same in every kind of runner.

    The environment of a slot is built when it has its first episode, for there may be fewer episodes than slots.

    Args:
        job: What all workers of the run do.
        name: Unique among them; it begins the names of the parts that this one writes.
        report: Takes what there is to tell, as it happens.
        heartbeat: Where to show signs of life; None: nobody looks.
        show: Called with the environment and the spec whenever there is something new to see; for rendering.
        make_writer: Makes what takes the episodes; None: they are recorded in the job's run directory.

    Raises:
        Exception: Whatever the construction of environment or policy raises.
    """

    def __init__(
        self,
        job: RolloutJob,
        name: str,
        report: Callable[[Report], None],
        heartbeat: Heartbeat | None = None,
        show: Callable[[StructuredEnv, EpisodeSpec], None] | None = None,
        *,
        make_writer: Callable[[TrajectorySchema], EpisodeWriter] | None = None,
    ) -> None:
        """Build environments and policy."""
        self._job, self._report, self._show = job, report, show
        env = job.env()
        self.policy: StructuredPolicy = job.policy(env)
        told = output_spaces(self.policy, env.observation_spaces) if job.record_policy_outputs else None
        if told is not None:
            self.policy = AskedPolicy(self.policy)
        self._n_envs = 1 if job.traits.seed_globals else job.n_envs or self.policy.n_envs
        self.heartbeat = heartbeat or Heartbeat([0] * Heartbeat.size(self._n_envs))
        self._envs: dict[int, StructuredEnv] = {0: env}
        self.policy.attach(env, 0)
        self._has_kpis = owner_of(env, "kpis") is not None
        self._env_name = env.spec.id if env.spec is not None else type(env.unwrapped).__name__
        self._schema = TrajectorySchema(env.observation_spaces, env.action_spaces, SpaceCheck.of(env), told)
        self._exact_actions = exact_actions(env.action_spaces)
        self.settings = LoopSettings(job.max_episode_steps, self._schema.segment_rows, job.traits.copy_observations)
        self._writer = self._recording_writer(name) if make_writer is None else make_writer(self._schema)
        self._drafts: dict[int, EpisodeDraft] = {}
        self._plays: dict[int, _Play] = {}

    @property
    def env_step_limit(self) -> int | None:
        """The environment's own limit of the length of its episodes."""
        return self._envs[0].max_episode_steps

    def run(self, source: Source) -> None:
        """Play the source's episodes until it has none at the moment.

        Raises:
            RecordingError: If the disk does not take what is written.
        """
        with one_torch_thread():
            if self._n_envs == 1 or self._show is not None:  # several at once cannot be watched
                while (spec := source()) is not None:
                    self._play_alone(spec)
            else:
                self._play_together(source)
        self.heartbeat.enter(Phase.IDLE)

    def commit(self) -> None:
        """Put the finished episodes on disk for good.

        Raises:
            RecordingError: If the disk does not take them.
        """
        self.heartbeat.enter(Phase.COMMITTING)
        parts = self._writer.commit()
        if parts:
            self._report(Committed(parts))
        self.heartbeat.enter(Phase.IDLE)

    def close(self) -> None:
        """Close the environments and remove what was not committed."""
        for slot in list(self._drafts):
            self._abandon(slot)
        self._writer.close()
        for env in self._envs.values():
            self._close_env(env)

    def _recording_writer(self, name: str) -> EpisodeWriter:
        job = self._job
        return RecordingWriter(
            job.run_dir,
            name,
            self._schema,
            record_trajectory=job.record_trajectory,
            record_event_logs=job.record_event_logs,
        )

    def _play_alone(self, spec: EpisodeSpec) -> None:
        """Play one episode, the policy deciding for one observation at a time."""
        try:
            draft = self._begin(spec, 0)
            act = self.policy.act if self._exact_actions is None else self._act_exactly
            end = play_episode(*self._loop_arguments(draft, 0), act if self._show is None else self._showing(spec, act))
            self._end(0, draft, end)
        except BaseException as error:  # noqa: BLE001 - an environment may raise anything at all, SystemExit included
            self._fail(0, spec, error)

    def _play_together(self, source: Source) -> None:
        """Play as many episodes as there are slots, the policy deciding for all of them at once."""
        plays = self._plays
        while True:
            for slot in range(self._n_envs):
                while slot not in plays and (spec := source()) is not None:
                    if slot not in self._envs:
                        self._build(slot)
                    self._advance(slot, spec)
            if not plays:
                return
            specs = {slot: play.draft.spec for slot, play in plays.items()}
            for (slot, spec), action in zip(specs.items(), self._decide(list(specs)), strict=True):
                self._advance(slot, spec, action)

    def _advance(self, slot: int, spec: EpisodeSpec, action: Any = None) -> None:
        """Carry out one decision in a slot; the first begins the episode."""
        try:
            play = self._plays.get(slot)
            if play is None:
                draft = self._begin(spec, slot)
                play = self._plays[slot] = _Play(draft, play_by_sending(*self._loop_arguments(draft, slot)))
                action = None  # of an episode that begins again, there is none yet
            self.heartbeat.beats[0] = slot
            raised = isinstance(action, _Raised)  # which is handled as if the environment had
            go_on = play.loop.throw if raised else play.loop.send
            play.observation, play.actor_id = go_on(action.error if raised else action)
        except StopIteration as stop:
            if isinstance(stop.value, EpisodeEnd):
                self._end_together(slot, stop.value)
            else:  # it is the policy's
                self._fail(slot, spec, stop)
        except BaseException as error:  # noqa: BLE001 - as above
            self._fail(slot, spec, error)

    def _end_together(self, slot: int, end: EpisodeEnd) -> None:
        play = self._plays.pop(slot)
        try:
            self._end(slot, play.draft, end)
        except BaseException as error:  # noqa: BLE001 - as above
            self._fail(slot, play.draft.spec, error)

    def _decide(self, slots: list[int]) -> list[Any]:
        """Ask the policy for all slots; if it raises, the episodes that it can decide for begin again."""
        self.heartbeat.enter(Phase.DECIDING)
        plays = [self._plays[slot] for slot in slots]
        observations, actor_ids = [play.observation for play in plays], [play.actor_id for play in plays]
        try:
            return self._act_batch(observations, actor_ids, slots)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a policy may raise anything
            guilty = [slot for slot in slots if self._raises(slot)] or slots
            for slot in set(slots) - set(guilty):
                self._abandon(slot)
            return [_Raised(error)] * len(slots)

    def _act_batch(self, observations: list[Any], actor_ids: list[Any], slots: list[int]) -> list[Any]:
        actions = list(self.policy.act_batch(observations, actor_ids, slots))
        if len(actions) != len(slots):
            raise ValueError(f"act_batch returned {len(actions)} actions for {len(slots)} observations: return as many")
        if self._exact_actions is None:
            return actions
        return [self._exact_actions[actor[0]](action) for actor, action in zip(actor_ids, actions, strict=True)]

    def _act_exactly(self, observation: Any, actor_id: ActorID, slot: int) -> Any:
        return self._exact_actions[actor_id[0]](self.policy.act(observation, actor_id, slot))  # type: ignore[index]

    def _raises(self, slot: int) -> bool:
        play = self._plays[slot]
        try:
            self._act_batch([play.observation], [play.actor_id], [slot])
        except (Exception, SystemExit):  # noqa: BLE001 - as above
            return True
        return False

    def _begin(self, spec: EpisodeSpec, slot: int) -> EpisodeDraft:
        self.heartbeat.begin(slot, spec.number)
        if self._job.traits.fresh:
            self._renew(slot)
        if self._job.traits.seed_globals:
            seed_global_generators(spec.env_seed)
        self._drafts[slot] = draft = self._writer.begin(spec, keep_events=self._has_kpis)
        self.policy.reset(spec.agent_seed, slot)
        return draft

    def _loop_arguments(self, draft: EpisodeDraft, slot: int) -> LoopArguments:
        add: Callable[[Segment], None] = partial(self._writer.add, draft)
        if isinstance(self.policy, AskedPolicy):
            add = self.policy.telling(slot, add)
        return self._envs[slot], draft.spec, self.settings, add, self.heartbeat.beats, 2 + 2 * slot

    def _end(self, slot: int, draft: EpisodeDraft, end: EpisodeEnd) -> None:
        """Take in an episode that was played to its end; values may not fit their spaces, and KPIs may raise."""
        if self._show is not None:
            self._show(self._envs[slot], draft.spec)
        try:
            self._writer.finish(draft, end, self._envs[slot])
        except DecisionError:
            raise
        except Exception as error:
            step = self.heartbeat.step(slot)
            raise DecisionError(one_line(error), max(step - 1, 0), end.actor_id) from error
        del self._drafts[slot]
        self._report(Done(draft.spec.number, draft.episode_return, end.length))
        if self._writer.is_commit_due():
            self.commit()

    def _fail(self, slot: int, spec: EpisodeSpec, error: BaseException) -> None:
        """Report an episode's error and all that is known of it; the environment, whatever its state, is built anew."""
        self._abandon(slot)
        cause = error.__cause__ or error if isinstance(error, DecisionError) else error
        if isinstance(cause, RecordingError | ConfigurationError | KeyboardInterrupt):
            raise cause
        if isinstance(error, DecisionError):
            actor: Any = error.actor_id  # which may be anything, where it is what is wrong
            actor = tuple(actor) if isinstance(actor, tuple) else actor
            step, line, place = error.step, str(error), f"step {error.step}, actor {actor!r:.80}"
        else:
            step, line, place = self.heartbeat.step(slot), one_line(error), "before its first step"
        seeds = f"env_seed={spec.env_seed} agent_seed={spec.agent_seed}"
        line = f"{' '.join(line.split())} [{self._env_name}, episode {spec.number}, {place}, {seeds}]"
        self._report(Failed(spec.number, step, line, "".join(traceback.format_exception(cause))))
        if not self._job.traits.fresh:
            self._renew(slot)

    def _abandon(self, slot: int) -> None:
        """Forget what a slot plays, to begin it again or to report that it failed."""
        self._plays.pop(slot, None)
        draft = self._drafts.pop(slot, None)
        if draft is not None:
            self._writer.abandon(draft)

    def _renew(self, slot: int) -> None:
        self._close_env(self._envs[slot])
        self._build(slot)

    def _build(self, slot: int) -> None:
        self._envs[slot] = env = self._job.env(slot)
        self.policy.attach(env, slot)

    def _close_env(self, env: StructuredEnv) -> None:
        try:
            self._job.env.close(env)
        except Exception as error:  # noqa: BLE001 - its episodes are complete, a failing close takes nothing from them
            self._report(Noted(f"{type(env.unwrapped).__name__}.close() raised {one_line(error)}"))

    def _showing(self, spec: EpisodeSpec, act: Act) -> Act:
        def show_and_act(observation: Any, actor_id: ActorID, slot: int) -> Any:
            if self._show is not None:
                self._show(self._envs[0], spec)
            return act(observation, actor_id, slot)

        return show_and_act


@dataclass(frozen=True, slots=True)
class _Raised:
    """Stands for the action that a policy did not give."""

    error: BaseException


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch, where it is in use, compute in one thread: more gain nothing, and may change results.

    Example:
        >>> with one_torch_thread():
        ...     pass
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
