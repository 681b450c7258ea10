"""The account of one run: what run.json says before, and what is summed up after."""

from __future__ import annotations

import json
import os
import platform
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from operator import attrgetter
from secrets import token_hex
from time import monotonic
from typing import Any

import cloudpickle
import numpy as np

from maze.core.arrow_arrays import float_array, numpy_array
from maze.core.recording.episode_row import EpisodeRow
from maze.core.recording.part import Part
from maze.core.recording.recording import Recording
from maze.core.recording.run_directory import RunDirectory
from maze.core.recording.run_metadata import FORMAT_VERSION
from maze.core.recording.segment import EpisodeSpec
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.core.rollout.episode_ledger import EpisodeLedger
from maze.core.rollout.interruption import Interruption
from maze.core.rollout.normalization import NORMALIZATION_FILE
from maze.core.rollout.rollout_job import RolloutJob
from maze.core.rollout.rollout_observer import RolloutObserver
from maze.core.rollout.rollout_result import RolloutResult, RolloutStatus
from maze.core.rollout.scout import Scouted
from maze.core.rollout.seeding import Seeding
from maze.core.statistics.statistics import compute_statistics
from maze.factory import ConfigurationError

PACKAGES = ("maze-rollouts", "gymnasium", "numpy", "pettingzoo", "pyarrow", "torch")
SPACES = ("observation_spaces", "action_spaces")
OUTPUT_SPACES = "policy_output_spaces"


class RolloutStopped(Exception):  # noqa: N818 - what happened; the error is its cause
    """The run cannot go on; the message says why, in one line.

    Args:
        line: The reason.
        traceback: What is behind it.
        is_wrong_input: Whether it is what the user asked for that cannot be.
    """

    def __init__(self, line: str, traceback: str = "", *, is_wrong_input: bool = False) -> None:
        """Keep the reason."""
        super().__init__(line)
        self.traceback, self.is_wrong_input = traceback, is_wrong_input


class Run:
    """One run, from its specs to its result.

    Args:
        job: What its workers do.
        numbers: Of the episodes that were asked for.
        seeding: Where their seeds come from; a resumed run has its own.
        directory: Where it is recorded.
        observer: Is told how it gets on.
        config: Where all this came from.
        resume: Whether the run is in the directory already and goes on.

    Raises:
        ConfigurationError: If the run to resume was recorded in another way.
    """

    def __init__(
        self,
        job: RolloutJob,
        numbers: Sequence[int],
        seeding: Seeding,
        *,
        directory: RunDirectory,
        observer: RolloutObserver,
        config: Mapping[str, Any],
        resume: bool,
    ) -> None:
        """Take up the run."""
        self.job, self.observer, self.directory = job, observer, directory
        self._started_at = monotonic()
        self._stopped: RolloutStopped | None = None
        self.has_begun = False
        self._resumed: dict[str, Any] = {}
        self._numbers, self._seeding = numbers, seeding
        if resume:
            self._resumed = directory.read_json("run.json")
            self._seeding = Seeding(**self._resumed["seeding"])
            self.job = replace(job, n_envs=self._resumed.get("n_envs", job.n_envs))
            directory.remove_uncommitted()
        self.job = replace(
            self.job,
            env=replace(job.env, normalization=directory.path / NORMALIZATION_FILE),
            preparation_seed=self._seeding.preparation_seed,
        )
        self.metadata: dict[str, Any] = {
            **{name: [] for name in SPACES},  # until they are known
            **self._resumed,
            "format_version": FORMAT_VERSION,
            "status": "running",
            "created": self._resumed.get("created", datetime.now(UTC).isoformat(timespec="seconds")),
            "versions": {"python": platform.python_version(), **_versions()},
            "host": {"name": socket.gethostname(), "platform": platform.platform(), "cores": os.cpu_count()},
            "command": sys.argv,
            "config": config or self._resumed.get("config") or {},
            "seeding": self._seeding.to_json(),
            "n_episodes_requested": len(self._numbers),
            "episodes": None if numbers == range(len(numbers)) else list(numbers),
            "max_episode_steps": job.max_episode_steps,
            "deterministic": job.policy.deterministic,
            "record_trajectory": job.record_trajectory,
            "record_event_logs": job.record_event_logs,
            "record_policy_outputs": job.record_policy_outputs,
        }

    def specs(self) -> Sequence[EpisodeSpec]:
        """The episodes that are not on disk yet."""
        if not self._resumed:
            return self._seeding.specs(self._numbers)
        committed = self.directory.committed()
        return self._seeding.specs([number for number in self._numbers if number not in committed])

    def begin(self, scouted: Scouted) -> RolloutJob:
        """Write run.json, complete the job with what was found out, and tell the observer.

        Raises:
            ConfigurationError: If the environment, or what the policy tells, has other spaces than in the run that is
                resumed, or the policy's files are others.
        """
        for name in SPACES:
            known = self._resumed.get(name)
            if known and known != json.loads(json.dumps(scouted.description[name])):
                raise ConfigurationError(
                    f"the environment's {name} are not those of the run in {self.directory.path}: "
                    "resume it with the environment that it began with"
                )
        for (_, known), (file, content) in zip(
            self._resumed.get("policy_files") or [], scouted.description["policy_files"], strict=False
        ):
            if known != content:
                raise ConfigurationError(
                    f"{file} is not what the run in {self.directory.path} began with: resume it with that file"
                )
        if self._resumed.get(SPACES[0]) and self._resumed.get(OUTPUT_SPACES, []) != json.loads(
            json.dumps(scouted.description[OUTPUT_SPACES])
        ):
            raise ConfigurationError(
                f"the policy's recorded outputs are not those of the run in {self.directory.path}: "
                "resume it with the policy and the record_policy_outputs that it began with"
            )
        traits = scouted.traits
        self.job = replace(self.job, traits=traits, n_envs=scouted.n_envs)
        self.metadata |= scouted.description
        self.metadata |= {"n_envs": scouted.n_envs, "traits": asdict(traits), "reproducible": traits.reproducible}
        self.metadata["policy_hash"] = _policy_hash(self.job, scouted.description["policy_files"])
        if scouted.normalization is not None:
            self.directory.write_json(NORMALIZATION_FILE, scouted.normalization)
        self.directory.write_json("run.json", self.metadata)
        self.has_begun = True
        seeding = self._seeding
        base_seeds = {"env_base_seed": seeding.env_base_seed, "agent_base_seed": seeding.agent_base_seed}
        self.observer.started(len(self._numbers), base_seeds)
        if not traits.reproducible:
            self.observer.note(
                "the environment does not give the same episode twice under the same seeds: reproducible: false"
            )
        return self.job

    def stop(self, stopped: RolloutStopped) -> None:
        """Note why the run cannot go on; what is not on disk is missing."""
        self._stopped = stopped

    def finish(self, ledger: EpisodeLedger, interruption: Interruption) -> RolloutResult:
        """Sum the run up, in statistics.json, in run.json and in the result."""
        failures = sorted(ledger.failures, key=attrgetter("number"))
        with self._on_a_disk_that_may_be_full():
            self._record_failures(failures)
        if not (self.directory.path / "run.json").exists():
            self.directory.write_json("run.json", self.metadata)
        recording = Recording(self.directory.path)
        # An interrupt may have come after the commit of an episode and before the ledger heard of it.
        missing: list[int] = np.setdiff1d(ledger.unsettled, numpy_array(recording.episodes["number"])).tolist()
        status: RolloutStatus = "failed" if missing or failures else "completed"
        if missing and interruption.count:
            status = "interrupted"
        statistics = compute_statistics(recording.episodes)
        result = RolloutResult(
            run_dir=self.directory.path,
            status=status,
            statistics=statistics,
            failures=failures,
            missing=missing,
            seeding=self._seeding,
            hash=recording.content_hash,
            seconds=monotonic() - self._started_at,
            n_steps=int(np.nansum(float_array(recording.episodes["n_decisions"]))),
            reproducible=self.job.traits.reproducible,
            exit_code=interruption.exit_code or (0 if status == "completed" else 1),
            stopped_because=None if self._stopped is None else str(self._stopped),
            traceback="" if self._stopped is None else self._stopped.traceback,
        )
        with self._on_a_disk_that_may_be_full():
            self.directory.write_json("statistics.json", statistics.to_json(), durable=False)  # can be computed again
        self.metadata |= {
            "status": status,
            "hash": result.hash,
            "n_episodes": statistics.n_episodes - statistics.n_failed,
            "n_failed": statistics.n_failed,
            "n_missing": len(missing),
            "n_steps": result.n_steps,
            "seconds": result.seconds,
            "stopped_because": result.stopped_because,
            "traceback": result.traceback,
        }
        with self._on_a_disk_that_may_be_full():
            self.directory.write_json("run.json", self.metadata)
        return result

    def _record_failures(self, failures: Sequence[EpisodeRow]) -> None:
        if not failures:
            return
        no_columns = TrajectorySchema({}, {})  # failed episodes have no trajectories
        part = Part(self.directory.path, f"part-failed-{token_hex(3)}", no_columns)
        for row in failures:
            part.add_episode(row)
        try:
            part.commit()
        finally:
            part.discard()

    @contextmanager
    def _on_a_disk_that_may_be_full(self) -> Iterator[None]:
        """Let a run that has stopped already give its result, also where the disk does not take what is left to say."""
        try:
            yield
        except OSError as error:
            if self._stopped is None:
                raise
            self.observer.note(f"cannot write to {self.directory.path}: {error.strerror or error}")


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _policy_hash(job: RolloutJob, files: Sequence[Sequence[str]]) -> str | None:
    """Tells policies apart: of the config, or the pickled object, and its files' content; None: that cannot be pickled.

    Args:
        job: What has the policy.
        files: Names of its files, and hashes of what is in them.
    """
    agent = job.policy.agent
    if isinstance(agent, Mapping):
        content = json.dumps(agent, sort_keys=True, default=str).encode()
    else:
        try:
            content = cloudpickle.dumps(agent)
        except Exception:  # noqa: BLE001 - an object may raise anything; only other processes would need it pickled
            return None
    return blake2b(content + "".join(file_hash for _, file_hash in files).encode(), digest_size=16).hexdigest()
