"""Rollouts in the process of the caller."""

from __future__ import annotations

import traceback
from collections import deque
from dataclasses import replace
from secrets import token_hex
from typing import Any

from maze.core.recording.recording_writer import RecordingError
from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.episode_ledger import EpisodeLedger
from maze.core.rollout.episode_videos import EpisodeVideos, check_videos
from maze.core.rollout.failed_decision import one_line
from maze.core.rollout.interruption import Interruption
from maze.core.rollout.picture_window import PictureWindow, has_display, render_mode
from maze.core.rollout.recipes import EnvRecipe
from maze.core.rollout.rollout_runner import RolloutRunner
from maze.core.rollout.rollout_worker import RolloutWorker
from maze.core.rollout.run import RolloutStopped, Run
from maze.core.rollout.scout import scout
from maze.factory import ConfigurationError

_TAKEN_AT_ONCE = 32


class SequentialRolloutRunner(RolloutRunner):
    """Plays the episodes one after the other in this process; the one for debugging, rendering and cheap runs.

    It cannot guard against an environment that kills its process or never returns: `ParallelRolloutRunner` does.

    Args:
        render: Whether to show the environment in a window, or, where there is no display, to write a video of each
            episode into the run directory.
        **settings: As `RolloutRunner`.

    Raises:
        ConfigurationError: If a value is out of range, or what writes videos is missing.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> runner = SequentialRolloutRunner(n_episodes=3, max_episode_steps=20)
        >>> with TemporaryDirectory() as folder:
        ...     result = runner.run_with("CartPole-v1", run_dir=folder + "/run")
        ...     [episode.number for episode in result]
        [0, 1, 2]
    """

    def __init__(self, *, render: bool = False, **settings: Any) -> None:
        """Check and keep the settings."""
        super().__init__(**settings)
        self.render = render
        if render and not has_display():
            check_videos()

    def _interruption(self) -> Interruption:
        return Interruption(raise_after=self.grace_time)

    def _play(self, run: Run, ledger: EpisodeLedger, interruption: Interruption) -> None:
        try:
            job = run.begin(scout(run.job))
            shown = None
            if self.render:
                job = replace(job, env=_visible(job.env))
                shown = PictureWindow() if has_display() else EpisodeVideos(run.directory.path, run.observer.note)
            worker = RolloutWorker(job, token_hex(3), ledger.hear, show=shown)
        except Exception as error:
            raise stopped_by(error) from error

        taken: deque[EpisodeSpec] = deque()

        def next_spec() -> EpisodeSpec | None:
            if interruption.count or ledger.must_stop:
                return None
            if not taken or ledger.n_given_back:
                taken.extendleft(reversed(ledger.take(ledger.n_given_back or _TAKEN_AT_ONCE)))
            return taken.popleft() if taken else None

        try:
            while not (ledger.is_settled or interruption.count or ledger.must_stop):
                worker.run(next_spec)
                worker.commit()
        except KeyboardInterrupt:
            _commit_what_can_be(worker, run)
            raise
        except Exception as error:
            raise stopped_by(error) from error
        finally:
            worker.close()
            if shown is not None:
                shown.close()


def _commit_what_can_be(worker: RolloutWorker, run: Run) -> None:
    """Commit after an interrupt, which may have broken a write off; what is lost is missing, and can be resumed."""
    try:
        worker.commit()
    except RecordingError as error:
        run.observer.note(str(error))


def _visible(recipe: EnvRecipe) -> EnvRecipe:
    """The recipe of environments that show themselves."""
    env = recipe()
    try:
        return replace(recipe, render_mode=render_mode(env.metadata.get("render_modes") or []))
    finally:
        recipe.close(env)


def stopped_by(error: Exception) -> RolloutStopped:
    """What stops the run where an error leaves nothing to go on with."""
    line = str(error) if isinstance(error, ConfigurationError | RecordingError) else one_line(error)
    is_wrong_input = isinstance(error, ConfigurationError)
    return RolloutStopped(line, "".join(traceback.format_exception(error)), is_wrong_input=is_wrong_input)
