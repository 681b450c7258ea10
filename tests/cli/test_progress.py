from __future__ import annotations

import io
import re
import time
from pathlib import Path

import pytest
from rich.console import Console

import maze.cli.progress
from maze.cli.progress import ConsoleProgress


def play(console: Console, wait: float) -> str:
    with ConsoleProgress(console, Path("run")) as progress:
        progress.started(4, {"env_base_seed": 1, "agent_base_seed": 2})
        progress.note("a note")
        progress.episode_done(0, 10.0, 100)
        progress.episode_done(1, 20.0, 100)
        progress.episode_failed(2, "it broke")
        time.sleep(wait)
        progress.finished()
    assert (progress.n_done, progress.n_steps) == (2, 200)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maze.cli.progress, "FIRST_LINE", 0.1)
    lines = play(Console(file=io.StringIO(), width=40), 0.15).splitlines()
    assert lines[:2] == ["recording in run", "a note"]
    expected = r"0:00: 3 of 4 episodes, [\d,]+ steps/s, mean return 15, 1 failed, 0:00 to go"
    assert len(lines) == 3
    assert re.fullmatch(expected, lines[2])


def test_a_short_run_prints_no_lines() -> None:
    assert play(Console(file=io.StringIO()), 0) == "recording in run\na note\n"


def test_a_bar_on_a_terminal() -> None:
    output = play(Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None), 0.6)
    assert "a note" in output
    assert re.search(r"3/4  \S+ +[\d,]+ steps/s  return 15  1 failed  0:00 < 0:00", output)


@pytest.mark.parametrize("is_terminal", [False, True])
def test_it_is_told_that_the_environment_is_being_built(is_terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maze.cli.progress, "FIRST_LINE", 0.1)
    file = io.StringIO()
    with ConsoleProgress(Console(file=file, force_terminal=is_terminal, color_system=None), Path("run")):
        time.sleep(0.4)
    assert "building the environment and the policy" in file.getvalue()
    assert "recording" not in file.getvalue()
