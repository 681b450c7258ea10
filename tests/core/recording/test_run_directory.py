from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from maze.core.recording.episode_row import EpisodeRow
from maze.core.recording.part import Part
from maze.core.recording.run_directory import RunDirectory, new_run_path
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.factory import ConfigurationError


def write_part(run_dir: Path, name: str, *rows: EpisodeRow) -> None:
    part = Part(run_dir, name, TrajectorySchema({}, {}))
    for row in rows:
        part.add_episode(row)
    part.commit()


def row(number: int, error: str | None = None) -> EpisodeRow:
    return EpisodeRow(number, 1, 2, hash="0" * 32, error=error)


def files(run_dir: Path) -> set[str]:
    return {str(path.relative_to(run_dir)) for path in run_dir.rglob("*") if path.is_file()}


def n_open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_two_runs_have_one_path(tmp_path: Path) -> None:
    paths = {new_run_path(tmp_path) for _ in range(100)}
    assert len(paths) == 100
    assert all("=" not in str(path.relative_to(tmp_path)) for path in paths)


def test_a_run_that_is_there_is_refused(tmp_path: Path) -> None:
    first = RunDirectory(tmp_path / "run")
    first.write_json("run.json", {})
    first.close()
    with pytest.raises(ConfigurationError, match="holds a run already: choose another folder, or resume it"):
        RunDirectory(tmp_path / "run")
    RunDirectory(tmp_path / "run", resume=True).close()


def test_there_must_be_a_run_to_resume(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no run to resume"):
        RunDirectory(tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()


def test_only_one_process_at_a_time_writes_a_run(tmp_path: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
from maze.core.recording.run_directory import RunDirectory
directory = RunDirectory(Path({str(tmp_path / "run")!r}))
print(flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(ConfigurationError, match="another process writes"):
            RunDirectory(tmp_path / "run")
        process.kill()
    RunDirectory(tmp_path / "run").close()


def test_a_run_cannot_be_opened_twice_in_one_process(tmp_path: Path) -> None:
    first = RunDirectory(tmp_path / "run")
    with pytest.raises(ConfigurationError, match="another process writes"):
        RunDirectory(tmp_path / "run")
    first.close()
    RunDirectory(tmp_path / "run").close()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ConfigurationError, match="cannot write to"):
            RunDirectory(path)


def test_refused_folders_leave_no_open_files(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    directory.write_json("run.json", {})
    before = n_open_files()
    for _ in range(5):
        with pytest.raises(ConfigurationError):
            RunDirectory(tmp_path / "run")
    assert n_open_files() == before
    directory.close()


def test_a_json_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    directory.write_json("run.json", {"status": "running"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        directory.write_json("run.json", {"figure": float("nan")})
    assert directory.read_json("run.json") == {"status": "running"}
    (tmp_path / "run" / "statistics.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        directory.write_json("statistics.json", {})
    assert not list((tmp_path / "run").glob("*.tmp"))
    directory.close()


def test_failed_episodes_are_not_committed(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    write_part(directory.path, "part-a-00001", row(3), row(1))
    write_part(directory.path, "part-failed-b", row(2, "ValueError: no"))
    assert directory.committed() == {1, 3}
    directory.close()


def test_what_a_dead_writer_left_is_removed_but_for_the_parts_that_are_named(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    log = directory.path / "event_logs" / "EpisodeEnded"
    for folder in (directory.path / "trajectory_data", log):
        folder.mkdir(parents=True)
    for name in ("part-w-1-00001", "part-w-1-00002", "part-w-2-00001"):
        write_part(directory.path, name, row(1))
        (directory.path / "trajectory_data" / f"{name}.parquet").touch()
        (log / f"{name}.parquet").touch()
    for left in (".part-w-1-00003.tmp", "part-w-1-00003.parquet.tmp", ".event"):
        (log / left).touch()
    directory.remove_parts_of("w-1", but=["part-w-1-00001"])
    assert files(directory.path) - {".lock", "event_logs/EpisodeEnded/.event"} == {
        f"{folder}/{name}.parquet"
        for folder in ("episodes", "trajectory_data", "event_logs/EpisodeEnded")
        for name in ("part-w-1-00001", "part-w-2-00001")
    }
    directory.close()


def test_a_resumed_run_keeps_only_what_was_committed(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    (directory.path / "trajectory_data").mkdir()
    write_part(directory.path, "part-a-00001", row(1))
    write_part(directory.path, "part-failed-b", row(2, "ValueError: no"))
    for name in ("part-a-00001.parquet", "part-a-00002.parquet", "part-a-00003.parquet.tmp"):
        (directory.path / "trajectory_data" / name).touch()
    directory.remove_uncommitted()
    assert files(directory.path) == {
        ".lock",
        "episodes/part-a-00001.parquet",
        "trajectory_data/part-a-00001.parquet",
    }
    directory.close()


def test_a_damaged_part_is_named_and_nothing_is_removed(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    write_part(directory.path, "part-a-00001", row(1))
    write_part(directory.path, "part-failed-b", row(2, "ValueError: no"))
    path = directory.path / "episodes" / "part-a-00001.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    before = files(directory.path)
    for use in (directory.committed, directory.remove_uncommitted):
        with pytest.raises(ConfigurationError, match=r"part-a-00001\.parquet is damaged.*move that file away"):
            use()
    assert files(directory.path) == before
    directory.close()


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from maze.core.recording.run_directory import RunDirectory
directory = RunDirectory(Path({str(tmp_path / "run")!r}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    began = time.monotonic()
    RunDirectory(tmp_path / "run").close()
    assert time.monotonic() - began < 1
