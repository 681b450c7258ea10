"""The log file of a run, and what breaks a run off."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maze.cli.command_line import RolloutError, one_line, shown_path
from maze.factory import ConfigurationError

LOG_FILE = "maze-run.log"


@contextmanager
def run_log(run_dir: Path) -> Iterator[None]:
    """Have the command, and what is logged meanwhile, in `maze-run.log`, behind what is there already.

    Args:
        run_dir: Where the log is.
    """
    handler = logging.FileHandler(run_dir / LOG_FILE, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root, ours = logging.getLogger(), logging.getLogger("maze")
    level = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    ours.info("%s", shlex.join(sys.argv))
    try:
        yield
    finally:
        ours.setLevel(level)
        root.removeHandler(handler)
        handler.close()


@contextmanager
def told_in_one_line(run_dir: Path) -> Iterator[None]:
    """Have the log keep the traceback of what breaks a run off.

    Args:
        run_dir: Where the log is.

    Raises:
        ConfigurationError: As it came: it is one line already.
        RolloutError: Instead of any other error.
    """
    try:
        yield
    except ConfigurationError:
        raise
    except Exception as error:
        logging.getLogger(__name__).exception("broken off")
        where = shown_path(run_dir / LOG_FILE)
        raise RolloutError(f"{type(error).__name__}: {one_line(error)} (traceback in {where})") from error
