"""A stranger who follows the tutorial gets what it shows, in a package outside of the repository."""

from __future__ import annotations

import io
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from rich.console import Console
from tests.docs.doc_blocks import ROOT, Block, blocks, write_files

import maze
from maze.cli.statistics_table import statistics_table
from maze.testing import ConformanceError

PAGE = "docs/tutorials/your_own_environment.md"
TYPED = [block for block in blocks(PAGE) if block.language == "sh"]
SEEDING = {"env_base_seed": 1, "agent_base_seed": 2}
VOLATILE = re.compile(r"throughput|recorded in|recording in")
RUNNABLE = re.compile(r"(maze-run|pip|pytest|python) ")
WIDTH = 80


def shown_by(command: str) -> list[str]:
    """What the page shows for a command, but for what differs from run to run."""
    (block,) = [block for block in TYPED if command in block.code]
    return [line for line in (block.output or "").splitlines() if line.strip() and VOLATILE.match(line) is None]


def missing(expected: list[str], output: str) -> list[str]:
    """The lines of the page that a command does not print, or not in that order."""
    printed = iter([line.rstrip() for line in output.replace("\N{NO-BREAK SPACE}", " ").splitlines()])
    return [line for line in expected if line not in printed]


# In this process, without an installation -----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the files of the page are, and are imported from."""
    write_files(PAGE, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "src")
    yield tmp_path
    for module in [name for name in sys.modules if name.partition(".")[0] == "bakery"]:
        del sys.modules[module]


def configured(folder: Path) -> dict[str, Any]:
    """The configuration of the page's last runs, as Hydra composes it."""
    conf = folder / "src" / "bakery" / "conf"
    config = OmegaConf.create({"env": OmegaConf.load(conf / "env" / "bakery.yaml")})
    config["policy"] = OmegaConf.load(conf / "policy" / "bakery_heuristic.yaml")
    config["wrappers"] = OmegaConf.load(conf / "wrappers" / "half_day.yaml")
    plain: Any = OmegaConf.to_container(config, resolve=True)
    return dict(plain)


def test_every_block_is_a_file_or_a_command_or_its_output() -> None:
    commands = [line for block in TYPED for line in block.code.splitlines()]
    assert [command for command in commands if RUNNABLE.match(command) is None] == []
    others = [block for block in blocks(PAGE) if block.title is None and block.language not in {"sh", "text"}]
    assert others == []
    outputs = [block for block in blocks(PAGE) if block.language == "text"]
    assert len(outputs) == len([block for block in TYPED if block.output is not None])


def test_the_checks_of_the_page_pass(folder: Path) -> None:
    tests = runpy.run_path(str(folder / "tests" / "test_bakery.py"))
    tests["test_the_bakery_keeps_the_rules"]()
    tests["test_the_heuristic_keeps_the_rules"]()


def test_the_check_that_the_page_makes_fail_says_what_the_page_says(folder: Path) -> None:
    env = folder / "src" / "bakery" / "bakery_env.py"
    source = env.read_text(encoding="utf-8")
    env.write_text(source.replace("self.stock.copy()", "self.stock"), encoding="utf-8")
    tests = runpy.run_path(str(folder / "tests" / "test_bakery.py"))
    with pytest.raises(ConformanceError) as raised:
        tests["test_the_bakery_keeps_the_rules"]()
    text = " ".join((ROOT / PAGE).read_text(encoding="utf-8").split())
    assert f"*{raised.value}*" in text


def test_figures_and_scripts_are_as_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(folder)
    one = maze.rollout(config["env"], config["policy"], n_episodes=50, seeding=SEEDING, run_dir=folder / "runs" / "one")
    maze.rollout(
        config["env"], config["policy"], n_episodes=50, n_processes=2, seeding=SEEDING, run_dir=folder / "runs" / "two"
    )
    console = Console(width=WIDTH, file=io.StringIO())
    console.print(statistics_table(one.statistics))
    assert isinstance(console.file, io.StringIO)
    table = [line for line in shown_by("hydra.run.dir=runs/one") if not line.startswith("seeds ")]
    assert missing(table, console.file.getvalue()) == []
    for script in ("read_episodes.py", "query_events.py"):
        runpy.run_path(script)
        assert missing(shown_by(f"python {script}"), capsys.readouterr().out) == []


def test_the_wrapper_closes_at_noon(folder: Path) -> None:
    config = configured(folder)
    result = maze.rollout(config["env"], config["policy"], config["wrappers"], n_episodes=2, run_dir=folder / "run")
    assert [(episode.length, episode.truncated_by) for episode in result] == [(6, "env"), (6, "env")]


# As a stranger does it ------------------------------------------------------------------------------------------------


class Shell:
    """Runs commands in a fresh virtual environment."""

    def __init__(self, venv: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST"))}
        self._environment = inherited | {
            "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(venv),
            "COLUMNS": str(WIDTH),
            "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        }

    def __call__(self, command: str, folder: Path) -> str:
        finished = subprocess.run(
            ["bash", "-ec", command], cwd=folder, env=self._environment, capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout


def follow(block: Block, shell: Shell, folder: Path) -> None:
    """Type the commands of a block, and compare what they print."""
    output = shell(block.code, folder)
    assert missing(shown_by(block.code), output) == [], output


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_stranger_can_follow_it(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "bakery", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    shell = Shell(tmp_path / "venv")
    shell(f"pip install '{ROOT}[video]'", tmp_path)
    write_files(PAGE, folder)
    for block in TYPED:
        follow(block, shell, folder)
    assert (folder / "runs" / "video" / "videos" / "episode-000000.mp4").stat().st_size > 0
    # The package is complete without its sources, too.
    shell(f"pip install --force-reinstall --no-deps '{folder}'", elsewhere)
    shell("maze-run env=bakery policy=bakery_heuristic wrappers=half_day runner=sequential", elsewhere)
    origins = shell("python -c 'import bakery, maze; print(bakery.__file__, maze.__file__)'", elsewhere).split()
    assert [Path(origin).is_relative_to(tmp_path / "venv") for origin in origins] == [True, True]
