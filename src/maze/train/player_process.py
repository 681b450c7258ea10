"""The process of a player: what it does with the orders that come through its pipe."""

from __future__ import annotations

import pickle
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from maze.core.rollout.heartbeat import Phase
from maze.core.rollout.rollout_job import RolloutJob
from maze.core.rollout.worker_process import Surroundings, WorkerPipes, begin_work, enter
from maze.factory import ConfigurationError
from maze.train.episode_player import EpisodeFailedError, EpisodePlayer, PlayOrder, Spaces


@dataclass(frozen=True)
class PlayerJob:
    """What all players have in common."""

    job: RolloutJob
    observation_spaces: Spaces
    action_spaces: Spaces

    folder: Path
    """Where they leave their episodes, for a pipe takes long for many; of this run alone, and removed with it."""

    def make_player(self, heartbeat: Any = None) -> EpisodePlayer:
        """Build environments and policy."""
        return EpisodePlayer(self.job, self.observation_spaces, self.action_spaces, heartbeat)


class Played(NamedTuple):
    """The episodes of an order are in a file."""

    file: Path


class Failure(NamedTuple):
    """The player cannot go on."""

    error: str
    """In one line."""

    traceback: str

    kind: Literal["input", "episode", "death"]
    """What is to blame; another player would not fare better with wrong input, nor with an episode that fails."""


def run_player(name: str, surroundings: Any, pipes: WorkerPipes, beats: Any) -> None:
    """Be a player until the learner closes the pipe of orders, or ends.

    Args:
        name: Unique in the run.
        surroundings: Pickled `Surroundings` with a `PlayerJob`, in shared memory.
        pipes: What connects it with the learner.
        beats: Where it shows what it does, in shared memory.
    """
    del name  # nothing that it does depends on it
    heartbeat = begin_work(pipes, beats)
    try:
        job: Any = enter(Surroundings(*pickle.loads(surroundings)))  # noqa: S301 - from our own process
        player: EpisodePlayer = job.make_player(heartbeat)
        heartbeat.enter(Phase.IDLE)
        while (order := _next_order(pipes)) is not None:
            episodes = player.play([order])[0]
            heartbeat.enter(Phase.COMMITTING)
            with tempfile.NamedTemporaryFile(dir=job.folder, delete=False) as file:
                pickle.dump(episodes, file, protocol=pickle.HIGHEST_PROTOCOL)
            heartbeat.enter(Phase.IDLE)
            pipes.reports.send([Played(Path(file.name))])
        player.close()
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told as text
        line = traceback.format_exception_only(error)[-1].strip()
        kind: Literal["input", "episode", "death"] = "death"
        if isinstance(error, ConfigurationError | EpisodeFailedError):
            line, kind = str(error), "input" if isinstance(error, ConfigurationError) else "episode"
        pipes.reports.send([Failure(line, traceback.format_exc(), kind)])


def _next_order(pipes: WorkerPipes) -> PlayOrder | None:
    try:
        order: PlayOrder = pipes.orders.recv()
    except EOFError:
        return None
    return order
