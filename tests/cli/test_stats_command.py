"""`maze stats`: the table from the files."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.recorded_runs import cart_pole

from maze import load, rollout
from maze.cli.maze import main


def stats(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["stats", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_that_the_table_is_that_of_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = cart_pole(tmp_path)
    code, out, err = stats(capsys, tmp_path / "run", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["statistics"] == result.statistics.to_json()
    assert json.loads((tmp_path / "run" / "statistics.json").read_text()) == json.loads(out)["statistics"]
    code, out, _ = stats(capsys, tmp_path / "run")
    assert "95% interval" in out
    assert "6 episodes, 0 failed" in out


def test_that_a_filter_chooses_episodes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cart_pole(tmp_path)
    returns = load(tmp_path / "run").episodes["return"].to_pylist()
    middle = sorted(returns)[2]
    chosen = [number for number, value in enumerate(returns) if value <= middle]
    code, out, _ = stats(capsys, tmp_path / "run", "--where", f"return <= {middle}", "--json")
    found: dict[str, Any] = json.loads(out)
    assert (code, found["episodes"], found["n_selected"]) == (0, chosen, len(chosen))
    assert found["statistics"]["return"]["max"] == middle
    _, out, _ = stats(capsys, tmp_path / "run", "--where", f"return <= {middle}")
    assert f"{len(chosen)} of 6 episodes: {', '.join(map(str, chosen))}" in out
    _, out, _ = stats(capsys, tmp_path / "run", "--where", "return > 1e6")
    assert out == "0 of 6 episodes\n"


def fails(observation: Any) -> int:
    raise ArithmeticError("too far")


def test_that_failed_episodes_can_be_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rollout("CartPole-v1", fails, n_episodes=2, run_dir=tmp_path / "run")
    code, out, _ = stats(capsys, tmp_path / "run", "--where", "error is not None", "--json")
    assert (code, json.loads(out)["episodes"]) == (0, [0, 1])
    assert stats(capsys, tmp_path / "run")[1] == "no episode has ended well\n"


def test_that_a_run_that_goes_on_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cart_pole(tmp_path)
    metadata = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(
        json.dumps({**metadata, "status": "running", "n_episodes_requested": 50})
    )
    code, _, err = stats(capsys, tmp_path / "run")
    assert (code, "was cut off at 6 of 50 episodes; to play the others: maze-run resume=" in err) == (0, True)
    with (tmp_path / "run" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _, _, err = stats(capsys, tmp_path / "run")
    assert "is running: 6 of 50 episodes so far" in err


def test_that_a_run_without_episodes_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cart_pole(tmp_path)
    for part in (tmp_path / "run" / "episodes").iterdir():
        part.unlink()
    code, out, err = stats(capsys, tmp_path / "run")
    assert (code, out) == (0, "no episodes yet\n")
    assert "has 0 of 6 episodes: it was completed" in err


def test_that_damage_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cart_pole(tmp_path)
    (part,) = (tmp_path / "run" / "episodes").iterdir()
    content = bytearray(part.read_bytes())
    content[-20:] = bytes(20)
    part.write_bytes(content)
    code, _, err = stats(capsys, tmp_path / "run")
    assert code == 1
    assert "episodes 0 to 5 are lost" in err or "episodes 0-5 are lost" in err
