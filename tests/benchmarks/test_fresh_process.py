from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MEBIBYTE = 2**20


@pytest.fixture
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("fresh_process")


def python(code: str) -> Sequence[str]:
    return [sys.executable, "-c", code]


def test_a_process_gives_output_time_and_peak_memory(fresh_process: Any, tmp_path: Path) -> None:
    code = "import os, time; kept = b'x' * (60 << 20); del kept; time.sleep(0.2); print(os.getcwd())"
    done = fresh_process.run_fresh(python(code), tmp_path)
    assert done.output.strip() == str(tmp_path.resolve())
    assert done.seconds > 0.2
    assert done.peak_memory > 60 * MEBIBYTE


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the memory of descendants is read from /proc")
def test_the_memory_of_a_watched_process_is_that_of_its_family(fresh_process: Any, tmp_path: Path) -> None:
    child = "import time; kept = b'x' * (60 << 20); time.sleep(0.5)"
    start = f"subprocess.Popen([sys.executable, '-c', {child!r}])"
    code = "import subprocess, sys; [child.wait() for child in [{}]]"
    one = fresh_process.run_fresh(python(code.format(start)), tmp_path, watch=True)
    two = fresh_process.run_fresh(python(code.format(f"{start}, {start}")), tmp_path, watch=True)
    assert 60 * MEBIBYTE < one.peak_memory < 120 * MEBIBYTE < two.peak_memory


def test_a_process_that_fails_says_why(fresh_process: Any, tmp_path: Path) -> None:
    with pytest.raises(fresh_process.ProcessFailedError, match=r"^exit code 1: ValueError: no such thing$"):
        fresh_process.run_fresh(python("raise ValueError('no such thing')"), tmp_path)
