"""What is missing or damaged in a recording, and which episodes it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from maze.core.arrow_arrays import numpy_array
from maze.core.env.event import EpisodeEnded
from maze.core.recording.committed_episodes import CommittedEpisodes, number_ranges
from maze.core.recording.event_log import EventLogs
from maze.core.recording.part_file import DamagedRecordingError, PartFile


def damaged_commits(run_dir: Path, errors: Mapping[str, DamagedRecordingError]) -> Iterator[str]:
    """Say which parts of `episodes/` are damaged; their episodes are known from the other files of the part."""
    for part, error in errors.items():
        others = [run_dir / "trajectory_data", run_dir / "event_logs" / EpisodeEnded.__name__]
        lost = next(filter(None, (_episodes(PartFile(folder / f"{part}.parquet")) for folder in others)), None)
        yield f"{error}: {'its episodes' if lost is None else number_ranges(lost)} are lost"


def repeated_episodes(committed: CommittedEpisodes) -> Iterator[str]:
    """Say which episodes are there more than once."""
    for number, part in committed.repeated:
        yield f"episode {number} is in another part, too: the one in {part} is ignored"


def damaged_trajectories(committed: CommittedEpisodes, files: Mapping[str, PartFile]) -> Iterator[str]:
    """Read `trajectory_data/` and say what is damaged; `files` has the file of each part."""
    for part, file in files.items():
        message, lost = file.damaged_episodes()
        expected = committed.successful_by_part[part].tolist()
        if message:
            yield f"{message}: {number_ranges(expected if lost is None else lost)} cannot be read"
        elif absent := set(expected).difference(file.episodes):
            yield f"{file.path} is damaged: it has no rows of {number_ranges(absent)}"


def damaged_event_logs(committed: CommittedEpisodes, logs: EventLogs, run_dir: Path) -> Iterator[str]:
    """Read `event_logs/` and say what is damaged."""
    for part, numbers in committed.successful_by_part.items():
        expected = number_ranges(numbers.tolist())
        of_part = {log: logs.file(log, part) for log, parts in logs.parts_by_log.items() if part in parts}
        ends = of_part.get(EpisodeEnded.__name__)
        if ends is None:
            path = run_dir / "event_logs" / EpisodeEnded.__name__ / f"{part}.parquet"
            yield f"{path} is missing: the events of {expected} are incomplete"
            continue
        damage = [found for found in (file.damaged_episodes() for file in of_part.values()) if found[0]]
        for message, lost in damage:
            yield f"{message}: the events of {expected if lost is None else number_ranges(lost)} are incomplete"
        if damage:
            continue
        # EpisodeEnded is the last event of each episode, so that its place tells how many others there have to be.
        n_others = numpy_array(ends.read_all(["sequence"])["sequence"]).sum()
        if sum(file.metadata.num_rows for file in of_part.values()) != n_others + ends.metadata.num_rows:
            yield f"{run_dir / 'event_logs'}/*/{part}.parquet are not all there: events of {expected} are missing"


def _episodes(file: PartFile) -> list[int] | None:
    try:
        return file.episodes
    except DamagedRecordingError:
        return None
