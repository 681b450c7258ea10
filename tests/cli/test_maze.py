"""The command `maze`: help, wrong input, streams and start-up; each subcommand has tests of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.recorded_runs import cart_pole

from maze import __version__
from maze.cli.maze import COMMANDS, main

HEAVY = ("pyarrow", "numpy", "gymnasium", "hydra", "rich", "pandas", "torch", "av", "minari", "starlette")

WRONG = {
    "stast RUN": "there is no command 'stast': did you mean stats?",
    "frobnicate": "there is no command 'frobnicate': there are view, report, stats, ",
    "stats": "the following arguments are required: RUN: see maze stats --help",
    "stats nowhere": "nowhere does not exist",
    "stats .": ". holds no run: did you mean run?",
    "stats run --jsn": "there is no option --jsn: did you mean --json?",
    "stats run --where retur<5": "there is no column 'retur': did you mean 'return'?",
    "stats run --where return<": "cannot read the filter 'return<'",
    "compare run": "the following arguments are required: OTHER",
    "compare run nowhere": "nowhere does not exist",
    "compare run run --json --markdown": "not allowed with argument --json",
    "replay run --episode 99": "no episode 99 in run: it has 6 from 0 to 5 of 6 requested",
    "replay run --episode x": "invalid int value: 'x'",
    "replay run --video out.mp4": "--video shows one episode: add --episode N",
    "replay run --episode 0 --env nowhere:make": "--env nowhere:make: 'nowhere' cannot be imported",
    "replay run --episode 0 --env gymnasium:mak": "there is no 'mak' in gymnasium: did you mean 'make'?",
    "replay run --episode 0 --env gymnasium:__version__": "is a str: name a function",
    "replay run --episode 0 --env Acrobot-v1": "observation_spaces are not those of run",
    "replay run --episode 0 --video nowhere/out.mp4": "there is no folder nowhere",
    "export run": "the following arguments are required: --to",
    "export run --to cvs": "invalid choice: 'cvs'",
    "export run --to csv -o run": "run is there already",
    "export run --to csv -o nowhere/out": "there is no folder nowhere",
    "export run --to csv --where return>1e9": "has no successful episode of those that were asked for",
    "export run --to gif --fps 0": "--fps 0: give a number above 0",
    "export run --to gif --episode 0 --width -3": "--width -3: give a number of pixels",
    "export run --to gif --episode 0 --episode 1": "a gif shows one episode",
    "export run --to lerobot --fps 1.5": "LeRobot counts whole frames",
    "export run --to minari -o cart": "name it like cartpole-random-v0",
    "import cartpole": "'cartpole': name what to import as in minari:cartpole-random-v0",
    "import minari:nobody-v0 -o out": "there is no Minari dataset 'nobody-v0' here",
    "completion tcl": "invalid choice: 'tcl'",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("commands")
    cart_pole(path)
    return path


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(folder / "minari"))
    return folder


@pytest.mark.parametrize(("typed", "line"), WRONG.items(), ids=list(WRONG))
def test_that_wrong_input_gets_one_line(here: Path, capsys: pytest.CaptureFixture[str], typed: str, line: str) -> None:
    assert main(typed.split()) == 2
    captured = capsys.readouterr()
    assert line in captured.err
    assert captured.err.startswith("maze: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert {path.name for path in here.iterdir()} <= {"run", "minari"}


def test_that_help_names_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n    {command} " in shown or f"\n    {command}\n" in shown for command in COMMANDS)
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("command", COMMANDS)
def test_that_each_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"usage: maze {command}" in capsys.readouterr().out


def test_that_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"maze {__version__}\n"


def test_that_nothing_heavy_is_imported_for_help() -> None:
    code = "import sys; from maze.cli.maze import main; main(['--help'])"
    code += f"; print(*[module for module in {HEAVY} if module in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_that_completion_is_a_script_of_the_shell(
    shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "compare" in script
    assert "where" in script
    (tmp_path / "script").write_text(script)
    if shutil.which(shell) is not None:
        subprocess.run([shell, "-n", tmp_path / "script"], check=True)


def test_that_a_reader_may_go(here: Path) -> None:
    command = f"{sys.executable} -m maze.cli.maze stats run --json | head -1; echo ${{PIPESTATUS[0]}}"
    finished = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, cwd=here)
    assert finished.stdout.splitlines()[-1] in {"0", "141"}
    assert finished.stderr == ""


# Whatever started the tests may ignore interrupts, and what it starts inherits that.
LISTENING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from maze.cli.maze import main
sys.exit(main())
"""


def test_that_an_interrupt_ends_it_silently(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time, gymnasium\ndef make():\n    print('ready', flush=True)\n    time.sleep(60)\n"
    )
    cart_pole(tmp_path, n_episodes=1)
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENING, "replay", "run", "--env", "slow:make"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")


def test_that_odd_paths_are_no_trouble(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "a b=c, 'ü' [x] #1"
    cart_pole(tmp_path, name, n_episodes=2)
    for command in (["stats"], ["replay"], ["compare", str(tmp_path / name)]):
        assert main([*command, str(tmp_path / name)]) == 0
    assert main(["export", str(tmp_path / name), "--to", "csv", "-o", str(tmp_path / "ö ut")]) == 0
    assert (tmp_path / "ö ut" / "steps.csv").is_file()
    capsys.readouterr()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_that_a_run_that_cannot_be_read_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cart_pole(tmp_path, n_episodes=1)
    (tmp_path / "run" / "run.json").chmod(0)
    assert main(["stats", str(tmp_path / "run")]) == 2
    assert "cannot be read: Permission denied" in capsys.readouterr().err


def test_that_a_damaged_run_json_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cart_pole(tmp_path, n_episodes=1)
    (tmp_path / "run" / "run.json").write_text("{")
    assert main(["stats", str(tmp_path / "run")]) == 2
    assert "run.json is damaged" in capsys.readouterr().err
