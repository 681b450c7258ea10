"""What Hydra carries out itself: a run for every combination of values, and questions about the configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.text import Text

from maze.cli.command_line import CommandLine, RolloutError, one_line
from maze.cli.composition import Composition, explained, plain
from maze.cli.config_check import check_rollout, check_run_dir
from maze.cli.config_folders import OWN_FOLDER
from maze.cli.input_dir import take_normalization, with_input_dir
from maze.cli.lasting_console import LastingConsole
from maze.cli.rollout_command import roll_out
from maze.cli.saved_config import write_saved_config
from maze.cli.search_path_plugin import further_folders
from maze.cli.train_command import train
from maze.factory import ConfigurationError

FAILED, WRONG_INPUT, FIRST_SIGNAL = 1, 2, 128


class JobError(Exception):
    """Tells the process that started a job that it failed.

    Args:
        exit_code: Of the job.
    """

    def __init__(self, exit_code: int) -> None:
        """Keep the exit code, also where the error is pickled."""
        super().__init__(exit_code)
        self.exit_code = exit_code


class RolloutJobs:
    """Runs the jobs of a `--multirun`, and keeps their exit codes.

    A launcher may run them in other processes, whose exit codes do not come back: there a failure is raised.
    """

    def __init__(self) -> None:
        """Begin with no job done."""
        self.exit_codes: list[int] = []
        self._process = os.getpid()
        self._raises = os.environ.get("HYDRA_FULL_ERROR") == "1"

    def __call__(self, composed: DictConfig) -> int:
        """Run one job.

        Args:
            composed: Its configuration.

        Raises:
            JobError: If it failed in a process of its own.
            SystemExit: If it was interrupted, so that no other job follows.
        """
        exit_code = self._run(composed)
        self.exit_codes.append(exit_code)
        if exit_code > FIRST_SIGNAL:
            raise SystemExit(exit_code)
        if exit_code and os.getpid() != self._process:
            raise JobError(exit_code)
        return exit_code

    def _run(self, composed: DictConfig) -> int:
        hydra_config = HydraConfig.get()
        overrides = list(hydra_config.overrides.task)
        run_dir = Path(hydra_config.runtime.output_dir)
        LastingConsole().print(
            Text(f"\njob {hydra_config.job.num}: {' '.join(overrides)}", style="bold"), soft_wrap=True
        )
        try:
            config = plain(composed)
            if config.get("algorithm") is not None:
                return train(Composition(config, run_dir, {}), overrides)
            if config.get("input_dir") is not None:
                config = with_input_dir(config, overrides)
                write_saved_config(run_dir, config)
            check_run_dir(run_dir)
            take_normalization(config, overrides, run_dir)
            return roll_out(check_rollout(config), config, run_dir)
        except (ConfigurationError, RolloutError) as error:
            if self._raises:
                raise
            print(f"maze-run: job {hydra_config.job.num}: {one_line(error)}", file=sys.stderr)
            return WRONG_INPUT if isinstance(error, ConfigurationError) else FAILED


def run_hydra(command: CommandLine) -> int:
    """Have Hydra carry out a command.

    Returns:
        The worst exit code of the jobs.

    Raises:
        ConfigurationError: If the command cannot be carried out.
    """
    jobs = RolloutJobs()
    multirun = ["--multirun"] if command.multirun else []
    with (
        explained(command),
        further_folders(command.config_dir),
        # Else Hydra prints errors itself.
        _environment("HYDRA_FULL_ERROR", "1"),
        _arguments([*multirun, *command.hydra_options, *command.overrides]),
    ):
        try:
            hydra.main(version_base="1.3", config_path=str(OWN_FOLDER), config_name=command.config_name)(jobs)()
        except ValueError as error:
            raise ConfigurationError(one_line(error)) from error
        except JobError as error:
            return error.exit_code
    return max(jobs.exit_codes, default=0)


@contextmanager
def _arguments(arguments: Sequence[str]) -> Iterator[None]:
    """Let Hydra read other arguments than those that were typed."""
    typed = sys.argv
    sys.argv = [typed[0], *arguments]
    try:
        yield
    finally:
        sys.argv = typed


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before
