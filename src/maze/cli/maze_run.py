"""`maze-run`: rolls a policy out in an environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

from maze import __version__
from maze.cli.command_line import CommandLine, RolloutError, one_line, parse_command_line
from maze.cli.garbage import begin_collecting, postpone_collecting
from maze.cli.standard_streams import open_missing_streams, silence_stdout
from maze.factory import ConfigurationError

SUCCESS, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command.

    Args:
        arguments: What was typed behind `maze-run`; None: what this process was started with.

    Returns:
        The exit code: 0; 1 after failed episodes; 2 for wrong input; 128 + the signal after an interrupt.
    """
    open_missing_streams()
    postpone_collecting()
    try:
        exit_code = _carry_out(parse_command_line(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except ConfigurationError as error:
        return _complain(error, WRONG_INPUT)
    except RolloutError as error:
        return _complain(error, FAILED)
    except BrokenPipeError:
        silence_stdout()
        return SUCCESS
    except KeyboardInterrupt:
        return INTERRUPTED
    else:
        return exit_code
    finally:
        begin_collecting()


def _complain(error: Exception, exit_code: int) -> int:
    """Say in one line what is wrong; the environment variable is Hydra's, which asks for the traceback."""
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    print(f"maze-run: {one_line(error)}", file=sys.stderr)
    return exit_code


def _carry_out(command: CommandLine) -> int:
    """Import just what a command needs: each of Hydra, gymnasium and pyarrow takes a tenth of a second."""
    if command.shows_help:
        from maze.cli.help_page import help_page

        print(help_page(command))
        return SUCCESS
    if command.shows_version:
        print(f"maze-run {__version__}")
        return SUCCESS
    # As for a script: environments and policies may stand in the folder where the user is.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    # In the names of run directories, so that runs which begin in the same second do not meet.
    os.environ["MAZE_RUN_ID"] = token_hex(3)
    resumed = command.value("resume")
    if resumed not in (None, "null"):
        return _resume(command, Path(str(resumed)))
    if command.multirun or command.hydra_options:
        from maze.cli.hydra_commands import run_hydra

        return run_hydra(command)
    return _run(command)


def _run(command: CommandLine) -> int:
    from maze.cli.composition import compose_rollout

    composition = compose_rollout(command)
    if composition.config.get("algorithm") is not None:
        from maze.cli.train_command import train

        return train(composition, command.overrides)
    from maze.cli.config_check import check_rollout, check_run_dir
    from maze.cli.rollout_command import prepared, roll_out

    config, run_dir = composition.config, composition.run_dir
    if config.get("input_dir") is not None:
        from maze.cli.input_dir import with_input_dir

        config = with_input_dir(config, command.overrides)
    runner = check_rollout(config)
    check_run_dir(run_dir)
    with prepared(run_dir, composition.hydra_files):
        if config is not composition.config:
            from maze.cli.input_dir import take_normalization
            from maze.cli.saved_config import write_saved_config

            write_saved_config(run_dir, config)
            take_normalization(config, command.overrides, run_dir)
        return roll_out(runner, config, run_dir)


def _resume(command: CommandLine, run_dir: Path) -> int:
    from maze.cli.composition import compose_rollout
    from maze.cli.config_check import check_rollout
    from maze.cli.resume import resumed_config
    from maze.cli.rollout_command import roll_out

    if command.multirun:
        raise ConfigurationError("resume finishes one run: leave --multirun out")
    config = resumed_config(
        run_dir,
        command.overrides,
        lambda choice: compose_rollout(replace(command, overrides=(choice,))).config["runner"],
    )
    return roll_out(check_rollout(config), config, run_dir.absolute(), resume=True)


if __name__ == "__main__":
    # By its own name, for what is pickled from `__main__` is not found by other processes.
    from maze.cli.maze_run import main as imported_main

    sys.exit(imported_main())
