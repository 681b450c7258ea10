"""Players in processes of their own, which are replaced when they die."""

from __future__ import annotations

import atexit
import pickle
import secrets
import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from shutil import rmtree
from time import monotonic

from maze.core.rollout.rollout_job import RolloutJob
from maze.core.rollout.worker_handle import WorkerHandle, pack_surroundings
from maze.factory import ConfigurationError
from maze.train.collected_episode import CollectedEpisode
from maze.train.episode_player import EpisodeFailedError, PlayOrder, Spaces
from maze.train.player_process import Failure, Played, PlayerJob, run_player

POLL_INTERVAL, EXIT_TIME = 0.25, 3.0
"""Seconds."""

MOST_DEATHS = 3
"""Deaths in a row, with no order carried out in between, after which training stops."""


class PlayersStoppedError(Exception):
    """The players cannot go on; the message is one line."""


@dataclass
class _Player:
    handle: WorkerHandle
    order: int | None = None
    failure: Failure | None = None


class PlayerPool:
    """Has orders carried out by processes; what comes back depends on the orders alone.

    When it is closed, none of its processes is there any more.

    Args:
        job: Environment and policy, and how they have to be treated.
        observation_spaces: Of each step key.
        action_spaces: Of each step key.
        n_processes: How many.
        step_timeout: Seconds without a sign of life after which a process is replaced; None: never.

    Raises:
        ConfigurationError: If environment or policy cannot be sent to other processes.
    """

    def __init__(
        self,
        job: RolloutJob,
        observation_spaces: Spaces,
        action_spaces: Spaces,
        n_processes: int,
        step_timeout: float | None = 300.0,
    ) -> None:
        """Start the processes."""
        self._folder = Path(tempfile.mkdtemp(prefix="maze-training-"))
        self._step_timeout = step_timeout
        self._name = secrets.token_hex(3)
        self._n_started = self._n_deaths = 0
        self._players: list[_Player] = []
        atexit.register(self.close)
        try:
            players_job = PlayerJob(job, observation_spaces, action_spaces, self._folder)
            self._surroundings = pack_surroundings(players_job)
            for _ in range(n_processes):
                self._start()
        except BaseException:
            self.close()
            raise

    def play(self, orders: Sequence[PlayOrder]) -> list[list[CollectedEpisode]]:
        """Have all orders carried out; the episodes of each are in order of number.

        Raises:
            EpisodeFailedError: If an episode fails again and again.
            ConfigurationError: If environment or policy cannot be built.
            PlayersStoppedError: If the processes die again and again.
        """
        waiting = deque(range(len(orders)))
        results: dict[int, list[CollectedEpisode]] = {}
        while len(results) < len(orders):
            for player in self._players:
                if player.order is None and waiting:
                    player.order = waiting.popleft()
                    player.handle.send(orders[player.order])
            waitables = [waitable for player in self._players for waitable in player.handle.waitables]
            wait(waitables, POLL_INTERVAL)
            for player in list(self._players):
                player.handle.flush()
                self._hear(player, results)
                cause = self._cause_of_death(player)
                if cause is not None:
                    self._replace(player, cause, waiting)
        return [results[index] for index in range(len(orders))]

    def close(self) -> None:
        """End the processes: idle ones by themselves, where there is time."""
        atexit.unregister(self.close)
        idle = [player for player in self._players if player.order is None]
        deadline = monotonic() + EXIT_TIME
        for player in idle:
            player.handle.ask_to_exit()
        for player in idle:
            player.handle.await_end(max(deadline - monotonic(), 0.0))
        for player in self._players:
            player.handle.end()
            player.handle.close()
        self._players.clear()
        rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        self._n_started += 1
        self._players.append(
            _Player(WorkerHandle(f"{self._name}-{self._n_started:03}", self._surroundings, run_player))
        )

    def _hear(self, player: _Player, results: dict[int, list[CollectedEpisode]]) -> None:
        for message in player.handle.receive():
            if isinstance(message, Failure):
                player.failure = message
            elif isinstance(message, Played) and player.order is not None:
                results[player.order] = pickle.loads(message.file.read_bytes())  # noqa: S301 - from our own process
                message.file.unlink()
                player.order = None
                self._n_deaths = 0

    def _cause_of_death(self, player: _Player) -> str | None:
        handle = player.handle
        if player.failure is not None:
            return player.failure.error
        if handle.is_dead():
            return f"a process {handle.cause_of_death()}"
        limit = self._step_timeout
        if limit is not None and handle.silence() > limit:
            handle.dump_stacks()
            return f"a process showed no sign of life for {limit:g} s"
        return None

    def _replace(self, player: _Player, cause: str, waiting: deque[int]) -> None:
        """Give the order of a player that cannot go on to another one."""
        failure, words = player.failure, player.handle.last_words()
        player.handle.end()
        with suppress(OSError):
            player.handle.close()
        self._players.remove(player)
        if player.order is not None:
            waiting.appendleft(player.order)
        self._n_deaths += 1
        if failure is not None and failure.kind != "death":
            raise EpisodeFailedError(cause) if failure.kind == "episode" else ConfigurationError(cause)
        if self._n_deaths >= MOST_DEATHS:
            detail = failure.traceback if failure is not None else words
            raise PlayersStoppedError(
                f"{self._n_deaths} processes that play episodes died in a row, the last one: {cause}; try runner=dev"
            ) from (RuntimeError(detail) if detail else None)
        self._start()
