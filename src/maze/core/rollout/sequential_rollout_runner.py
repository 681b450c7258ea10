"""Rollouts in the process of the caller."""

from __future__ import annotations

import os
import sys
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
        if render and render_mode() == "rgb_array":
            check_videos()

    def _interruption(self) -> Interruption:
        return Interruption(raise_after=self.grace_time)

    def _env_recipe(self, recipe: EnvRecipe) -> EnvRecipe:
        return replace(recipe, render_mode=render_mode()) if self.render else recipe

    def _play(self, run: Run, ledger: EpisodeLedger, interruption: Interruption) -> None:
        try:
            unseen = replace(run.job, env=replace(run.job.env, render_mode=None))
            job = replace(run.begin(scout(unseen)), env=run.job.env)
            videos = EpisodeVideos(run.directory.path, run.observer.note) if self.render else None
            worker = RolloutWorker(job, token_hex(3), ledger.hear, show=videos)
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
            worker.commit()
            raise
        except Exception as error:
            raise stopped_by(error) from error
        finally:
            worker.close()
            if videos is not None:
                videos.close()


def stopped_by(error: Exception) -> RolloutStopped:
    """What stops the run where an error leaves nothing to go on with."""
    line = str(error) if isinstance(error, ConfigurationError | RecordingError) else one_line(error)
    is_wrong_input = isinstance(error, ConfigurationError)
    return RolloutStopped(line, "".join(traceback.format_exception(error)), is_wrong_input=is_wrong_input)


def render_mode() -> str:
    """How to show an environment here: in a window, or as pictures where there is no display."""
    if sys.platform in {"darwin", "win32"} or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return "human"
    return "rgb_array"
