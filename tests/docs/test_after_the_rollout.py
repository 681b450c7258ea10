"""The session that the page shows, command by command in one folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.doc_blocks import blocks

PAGE = "docs/after_the_rollout.md"
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"}


def run(command: list[str], folder: Path) -> str:
    finished = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.mark.slow
def test_that_commands_show_what_the_page_shows(tmp_path: Path) -> None:
    pytest.importorskip("minari")
    for block in blocks(PAGE):
        if block.language == "console":
            output = "".join(run(["bash", "-c", command], tmp_path) for command in block.commands)
            lines = {line.rstrip() for line in output.replace("\N{NO-BREAK SPACE}", " ").splitlines()}
            assert [line for line in block.shown if line not in lines] == []


def test_that_python_prints_what_the_page_shows(tmp_path: Path) -> None:
    shown = [block for block in blocks(PAGE) if block.language == "python" and block.is_run]
    assert len(shown) == 1
    assert run([sys.executable, "-c", shown[0].code], tmp_path) == shown[0].output
