"""`maze view` and `maze report` as they are typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

import maze
from maze.cli.maze import main

pytest.importorskip("starlette")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "run"
    maze.rollout("CartPole-v1", n_episodes=3, run_dir=path)
    return path


def test_view_prints_the_address_at_which_it_answers(run_dir: Path) -> None:
    command = [sys.executable, "-m", "maze.cli.maze", "view", str(run_dir), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        with urlopen(said.rpartition(" at ")[2].strip()) as response:
            assert b"maze-viewer" in response.read()
        process.terminate()
    assert said.startswith(f"{run_dir} at http://127.0.0.1:")
    assert process.returncode == 143


def test_what_cannot_be_shown_is_refused_in_a_line(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", str(tmp_path / "nothing")]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert main(["view", str(run_dir), str(run_dir), str(run_dir)]) == 2
    assert "3 runs are too many" in capsys.readouterr().err
    assert main(["report", str(run_dir), "-o", str(tmp_path / "no" / "folder" / "report.html")]) == 2
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["view", "--port", "99999"], "--port 99999: ports are from 0, which is any free one, to 65535"),
        (["view", "--port", "-1"], "--port -1: ports are from 0"),
        (["view", "--host", "192.0.2.1"], "cannot listen at 192.0.2.1:8700: Cannot assign requested address"),
        (["report", "--episodes", "0"], "--episodes 0: the least is 1"),
        (["report", "--megabytes", "0.01"], "--megabytes 0.01: the least is 0.2"),
        (["report", "--render", "-2"], "--render -2: the least is 0"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    run_dir: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main([arguments[0], str(run_dir), *arguments[1:]]) == 2
    assert capsys.readouterr().err.startswith(f"maze: {said}")


def test_nothing_heavy_is_imported_to_begin_with(run_dir: Path) -> None:
    script = (
        "import sys; from maze.cli.maze import parser; parser(['view']);"
        "print(sorted({'starlette', 'uvicorn', 'av', 'torch', 'pandas', 'pyarrow', 'gymnasium'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_report_says_what_is_in_the_file(run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run_dir), "-o", str(tmp_path / "report.html")]) == 0
    assert "3 of 3 episodes, every step of 3" in capsys.readouterr().out
