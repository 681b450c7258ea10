"""Reports, opened from disk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import maze
from maze.viewer.report import ReportSettings, write_report
from maze.viewer.viewed_run import ViewedRun

OpenPage = Callable[..., Any]


@pytest.mark.slow
def test_a_report_is_the_whole_page(runs: Path, tmp_path: Path, open_page: OpenPage) -> None:
    file = tmp_path / "report.html"
    command = [sys.executable, "-m", "maze.cli.maze", "report", str(runs / "careful"), "-o", str(file), "--render", "1"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "12 of 12 episodes, every step of 12, pictures of 1" in said
    assert file.stat().st_size < 1_000_000
    page = open_page(file.as_uri() + "#episode=0&step=60")
    page.get_by_role("heading", name="Step 60").wait_for()
    assert page.locator(".mz-entry").count() == 12
    page.keyboard.press("ArrowRight")
    page.get_by_role("heading", name="Step 61").wait_for()
    shown = "document.getElementById('maze-viewer').viewer.films[0].shownFrame"
    for _ in range(200):
        if page.evaluate(shown) == 61:
            break
        page.wait_for_timeout(25)
    assert page.evaluate(shown) == 61
    page.locator(".mz-entry").nth(3).click()
    page.get_by_role("heading", name="Episode 3").wait_for()


def test_text_cannot_leave_its_place(runs: Path, tmp_path: Path, open_page: OpenPage) -> None:
    file = tmp_path / "report.html"
    write_report(ViewedRun(maze.load(runs / "talking")), file)
    page = open_page(file.as_uri() + "#episode=0&step=4")
    page.get_by_text("<script>document.title").first.wait_for()
    assert "hostile" not in page.title()


def test_a_report_stays_small(runs: Path, tmp_path: Path) -> None:
    run = ViewedRun(maze.load(runs / "careful"))
    whole = write_report(run, tmp_path / "whole.html")
    assert "every step of 12" in whole
    size = (tmp_path / "whole.html").stat().st_size
    said = write_report(run, tmp_path / "small.html", ReportSettings(n_episodes=5, n_bytes=size * 2 // 3))
    assert "5 of 12 episodes" in said
    assert (tmp_path / "small.html").stat().st_size <= size * 2 // 3
