from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "rollouts.py"
TINY = ("--repetitions", "1", "--scale", "0.02")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--folder", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)


def test_a_run_reports_ratios_and_leaves_nothing_behind(tmp_path: Path) -> None:
    figures, table = tmp_path / "all.json", tmp_path / "table.md"
    only = ("--only", "cartpole-sequential", "--only", "disk", "--only", "gymnasium-sync-8")
    done = run(tmp_path, "--quick", "--repetitions", "1", *only, "--json", str(figures), "--markdown", str(table))
    assert done.returncode == 0, done.stderr

    rows = {row["key"]: row for row in json.loads(figures.read_text())["rows"]}
    assert list(rows) == ["cartpole-sequential", "disk", "peer-gymnasium-sync-8"]
    assert all(row["min"] == row["median"] == row["max"] > 0 for row in rows.values())
    assert rows["disk"]["at_most"] == 25
    assert "CartPole-v1, recorded: sequential / bare loop" in done.stdout
    assert "1/1 bare loop, CartPole: " in done.stderr
    assert all(f"| {row['what']} | " in table.read_text() for row in rows.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.json", "table.md"]


def test_a_ratio_is_that_of_the_measured_speeds_within_the_repetition(tmp_path: Path) -> None:
    figures = tmp_path / "all.json"
    run(tmp_path, *TINY, "--only", "peer-gymnasium-sync-16", "--json", str(figures))
    found = json.loads(figures.read_text())
    (repetition,), (row,) = found["repetitions"], found["rows"]
    bare, peer = repetition["bare loop, beside the peers"], repetition["gymnasium SyncVectorEnv [16]"]
    assert row["figures"] == [peer["rate"] / bare["rate"]]
    assert bare["short"]["steps"] == bare["long"]["steps"] // 6 == 1_000
    # Some of the ticks did but reset: those of the episodes' ends.
    assert 0.9 < peer["long"]["steps"] / 4_000 < 1


def test_list_names_every_row_once(tmp_path: Path) -> None:
    names = run(tmp_path, "--list").stdout.split()
    assert len(names) == len(set(names))
    assert {"cartpole-sequential", "picture-parallel", "memory-sequential", "peer-torchrl-8"} <= set(names)


def test_a_wrong_name_is_refused_at_once(tmp_path: Path) -> None:
    done = run(tmp_path, "--only", "cartpool")
    assert (done.returncode, done.stderr) == (1, "no row's name contains cartpool: --list shows them\n")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_row_of_ours_has_a_figure(tmp_path: Path) -> None:
    figures = tmp_path / "all.json"
    ours = ["cartpole", "lunarlander", "picture", "process", "memory", "disk", "reading", "structured"]
    done = run(tmp_path, *TINY, *(word for name in ours for word in ("--only", name)), "--json", str(figures))
    rows = json.loads(figures.read_text())["rows"]
    assert [row["key"] for row in rows if row["why_none"] not in {"", "too short to measure"}] == [], done.stdout
    assert len(rows) == 17
