"""One rollout as the command line runs it: shown, logged and reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from typing import Any

from maze.cli.garbage import begin_collecting
from maze.cli.lasting_console import LastingConsole
from maze.cli.policy_model import with_model
from maze.cli.progress import ConsoleProgress
from maze.cli.rollout_report import Work, report
from maze.cli.run_log import run_log, told_in_one_line
from maze.core.rollout.rollout_runner import RolloutRunner
from maze.factory import ConfigurationError


def roll_out(runner: RolloutRunner, config: Mapping[str, Any], run_dir: Path, *, resume: bool = False) -> int:
    """Run a checked configuration, show how it gets on, and report.

    Args:
        runner: Built from the configuration.
        config: Plain values, by group.
        run_dir: Where to record; it exists.
        resume: Whether a run that is there goes on.

    Returns:
        The exit code.

    Raises:
        ConfigurationError: If the rollout cannot begin.
        RolloutError: If anything else goes wrong that is not of an episode.
    """
    console = LastingConsole()
    begin_collecting()
    with run_log(run_dir):
        with told_in_one_line(run_dir), ConsoleProgress(console, run_dir) as progress:
            result = runner.run_with(
                env=config["env"],
                wrappers=config.get("wrappers"),
                agent=with_model(config)["policy"],
                seeding=config.get("seeding"),
                run_dir=run_dir,
                resume=resume,
                config=config,
                observer=progress,
            )
        n_steps = progress.n_steps if resume else result.n_steps
        report(result, Work(progress.n_done, n_steps, result.seconds), console)
        if config.get("tensorboard"):
            from maze.cli.tensorboard_log import write_tensorboard

            write_tensorboard(result.statistics, run_dir)
        return result.exit_code


@contextmanager
def prepared(run_dir: Path, hydra_files: Mapping[str, str]) -> Iterator[None]:
    """Make the directory of a run, with its configuration; a run that cannot begin leaves none.

    Args:
        run_dir: The directory.
        hydra_files: Contents of `.hydra/` by file name.

    Raises:
        ConfigurationError: If the directory cannot be made.
    """
    made = [folder for folder in (run_dir, *run_dir.parents) if not folder.exists()]
    try:
        (run_dir / ".hydra").mkdir(parents=True, exist_ok=True)
        for name, text in hydra_files.items():
            (run_dir / ".hydra" / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot write to {run_dir}: {error.strerror}: set hydra.run.dir") from error
    try:
        yield
    except ConfigurationError:
        if made and not any((run_dir / name).exists() for name in ("run.json", "training.json")):
            rmtree(run_dir, ignore_errors=True)
            with suppress(OSError):  # another run may be there by now
                for folder in made[1:]:
                    folder.rmdir()
        raise
