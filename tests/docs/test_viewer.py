"""The page about the viewer: its commands one after the other in one folder, and what it says of keys and filters."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.docs.doc_blocks import ROOT, blocks

pytest.importorskip("anywidget")
PAGE = "docs/viewer.md"
HIDDEN = {"DISPLAY", "WAYLAND_DISPLAY"}  # no browser shall open
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in HIDDEN}
ENVIRONMENT["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
VOLATILE = re.compile(r"\d+\.\d\d MB|:\d+/")
"""The size of a file, which the packages' versions decide, and the port, which others may have taken."""


def run(command: list[str], folder: Path) -> str:
    finished = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def served(command: str, folder: Path) -> str:
    """Run what serves until it is stopped; what it has printed by then."""
    process = subprocess.Popen(command.split(), cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert b"maze-viewer" in urlopen(line.split()[-1]).read()
        return line
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_commands_and_python_work_and_show_what_the_page_shows(tmp_path: Path) -> None:
    for block in blocks(PAGE):
        if block.language == "console":
            outputs = [
                served(command, tmp_path) if command.startswith("maze view") else run(["bash", "-c", command], tmp_path)
                for command in block.commands
            ]
            lines = {VOLATILE.sub("", line) for line in "".join(outputs).splitlines()}
            assert [line for line in block.shown if VOLATILE.sub("", line) not in lines] == []
        elif block.language == "python":
            run([sys.executable, "-c", block.code], tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 3_000_000


def test_the_page_has_the_keys_that_the_help_has() -> None:
    script = (ROOT / "src" / "maze" / "viewer" / "static" / "viewer.js").read_text(encoding="utf-8")
    helped = re.findall(r'^  \["(.+?)", ".+"\],$', script, re.MULTILINE)
    shown = "\n".join(line for line in (ROOT / PAGE).read_text(encoding="utf-8").splitlines() if line.startswith("|"))
    keys = {key for keys in helped for key in keys.split()} - {"?", "Home", "End"}
    assert len(keys) >= 15
    assert [key for key in keys if key not in shown.replace("`-`", "\N{MINUS SIGN}").replace("&lt;", "<")] == []
