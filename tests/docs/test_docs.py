"""What the documentation shows works as shown."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.doc_blocks import ROOT, Block, blocks, write_files

PAGES = [
    "README.md",
    "docs/index.md",
    "docs/rollouts.md",
    "docs/policies.md",
    "docs/structured_environments.md",
    "docs/wrappers.md",
    "docs/cutting_2d.md",
    "docs/training.md",
]
RUNNABLE = re.compile(r"(maze-run|pytest|python) ")
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "80"}
VOLATILE = re.compile(r"(throughput|seeds|recorded in|recording in|\d+:\d\d:|\d+ processes share|[\d.]+ s of work)")
CONSOLE = [
    pytest.param(page, block, id=f"{page}: {block.commands[0]}")
    for page in PAGES
    for block in blocks(page)
    if block.language == "console" and block.is_run
]
BETWEEN = "-" * 8


def run(command: list[str], folder: Path) -> str:
    finished = subprocess.run(
        command, cwd=folder, env={**ENVIRONMENT, "TMPDIR": str(folder)}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.mark.parametrize(("page", "block"), CONSOLE)
def test_commands_work_and_show_what_the_page_shows(page: str, block: Block, tmp_path: Path) -> None:
    write_files(page, tmp_path)
    output = "".join(run(["bash", "-c", command], tmp_path) for command in block.commands)
    lines = {line.rstrip() for line in output.replace("\N{NO-BREAK SPACE}", " ").splitlines()}
    assert [command for command in block.commands if RUNNABLE.match(command) is None] == []
    assert [line for line in block.shown if line not in lines and VOLATILE.match(line) is None] == []


@pytest.mark.parametrize("page", PAGES)
def test_python_works_and_prints_what_the_page_shows(page: str, tmp_path: Path) -> None:
    """All of a page's Python is one script, without a `__main__` guard."""
    shown = [block for block in blocks(page) if block.language == "python" and block.title is None and block.is_run]
    write_files(page, tmp_path)
    script = f'\nprint("{BETWEEN}")\n'.join(block.code for block in shown)
    (tmp_path / "page.py").write_text(script, encoding="utf-8")
    output = run([sys.executable, "page.py"], tmp_path) if shown else ""
    printed = output.split(f"{BETWEEN}\n")
    expected = [text if block.output is None else block.output for block, text in zip(shown, printed, strict=False)]
    assert expected == printed[: len(shown)]


def test_the_snippet_runs_as_a_script(tmp_path: Path) -> None:
    output = run([sys.executable, str(ROOT / "docs" / "snippets" / "rollout.py")], tmp_path)
    assert output.startswith("the same episodes: True\n")
    assert len(output.splitlines()) == 6


def test_the_picture_is_the_one_that_its_script_draws() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "draw_rollout_picture.py"))
    assert script["picture"]() == (ROOT / "docs" / "assets" / "rollout.svg").read_text(encoding="utf-8")
