"""A run as one file: the page, and the answers to what it will ask, so that it needs neither server nor network."""

from __future__ import annotations

import gzip
import json
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from maze.viewer.column_bundle import pack
from maze.viewer.episode_table import episode_columns
from maze.viewer.episode_view import FIXED_CURVES, EpisodeView
from maze.viewer.frames.frame_source import FrameSource
from maze.viewer.page import html_page, static_file
from maze.viewer.viewed_run import ViewedRun

_POINTS = 600
_MOST_CURVES = 64
_MOST_EVENT_STEPS = 4096
_MOST_LISTED = 20_000
_SECONDS_PER_FILM = 600.0


@dataclass(frozen=True)
class ReportSettings:
    """What goes into the file."""

    n_episodes: int = 50
    """Episodes that can be opened; of more, those at even distances in the order of return."""

    n_bytes: int = 3_000_000
    """Size that the file may have; records of steps are left out where there is no more room."""

    n_films: int = 0
    """Episodes that are played again for their pictures."""


@dataclass
class _Answers:
    """What the page will ask, by path, as long as there is room."""

    room: int
    found: dict[str, str] = field(default_factory=dict)

    def add(self, path: str, content: Any) -> bool:
        """Keep an answer if it fits; returns whether it does."""
        packed = content if isinstance(content, bytes) else pack(content)
        text = b64encode(gzip.compress(packed, 9, mtime=0)).decode()
        size = len(text) + len(path) + 8
        if size > self.room:
            return False
        self.room -= size
        self.found[path] = text
        return True


def write_report(
    run: ViewedRun, path: Path, settings: ReportSettings | None = None, frames: FrameSource | None = None
) -> str:
    """Write a run into one file.

    Args:
        run: The run.
        path: The file.
        settings: What goes into it.
        frames: Films episodes, for the pictures; None: there are none.

    Returns:
        What is in it, and how large it is, for people.

    Raises:
        OSError: If the file cannot be written.
        DamagedRecordingError: If the run cannot be read.
    """
    settings = settings or ReportSettings()
    with run.lock:
        chosen = _spread(run, settings.n_episodes)
        answers, n_opened, n_recorded, n_filmed = _collect(run, chosen, settings, frames)
    text = _page(run.description()["name"], answers.found)
    path.write_text(text, encoding="utf-8")
    words = [f"{n_opened} of {len(run.recording.episodes):,} episodes", f"every step of {n_recorded}"]
    words += [f"pictures of {n_filmed}"] if settings.n_films else []
    return f"{', '.join(words)}; {len(text.encode()) / 1e6:.2f} MB"


def _collect(
    run: ViewedRun, chosen: Sequence[int], settings: ReportSettings, frames: FrameSource | None
) -> tuple[_Answers, int, int, int]:
    """Ask what the page will ask; figures and curves of all episodes first, then pictures, then records."""
    page = len(_page("", {}))
    answers = _Answers(settings.n_bytes - page)
    table = run.recording.episodes
    if len(table) > _MOST_LISTED:
        table = table.take(np.flatnonzero(np.isin(table["number"].to_numpy(), chosen)))
    answers.add("runs/0/episodes", episode_columns(table))
    answers.room -= 4096  # for the description, which comes last
    views = [run.episode(number) for number in chosen]
    opened = [view for view in views if _add_overview(answers, view)]
    filmed = [
        number for number in _every(chosen, settings.n_films) if frames and _add_film(answers, run, number, frames)
    ]
    is_recorded = run.recording.metadata["record_trajectory"]
    recorded = [view for view in opened if is_recorded and _add_records(answers, view)]
    answers.room += 4096
    description = {**run.description(), "id": 0, "offers_frames": bool(filmed), "renders": False}
    description["notes"] = _notes(len(opened), len(recorded), len(run.recording.episodes))
    answers.add("runs", [description])
    return answers, len(opened), len(recorded), len(filmed)


def _notes(n_opened: int, n_recorded: int, n_episodes: int) -> list[str]:
    notes = []
    if n_opened < n_episodes:
        notes.append(f"This report has curves of {n_opened:,} of {n_episodes:,} episodes, from the worst to the best.")
    if n_recorded < n_opened:
        notes.append(f"To keep it small, it has the full records of the steps of {n_recorded:,} episodes only.")
    return notes


def _add_overview(answers: _Answers, view: EpisodeView) -> bool:
    place = _place(view)
    curves: dict[str, Any] = {}
    if view.is_readable:
        names = [*FIXED_CURVES[:2], *map(str, range(min(view.n_components, _MOST_CURVES)))]
        found = view.curves(names, 0, view.n_decisions, _POINTS)
        curves = {name: _small(curve) for name, curve in zip(names, found, strict=True)}
    return answers.add(place, view.description(_MOST_EVENT_STEPS)) and answers.add(f"{place}/curves", curves)


def _add_records(answers: _Answers, view: EpisodeView) -> bool:
    if not view.is_readable:
        return False
    # What is surely too large is not even read: compressed, a record takes at least some bytes.
    if view.n_decisions * 8 > answers.room:
        return False
    return answers.add(f"{_place(view)}/records", {"start": 0, "records": list(_records(view))})


def _records(view: EpisodeView) -> Iterator[dict[str, Any]]:
    position = 0
    while position <= view.n_decisions:
        page = view.records(position)["records"]
        yield from page
        position += len(page)


def _add_film(answers: _Answers, run: ViewedRun, number: int, frames: FrameSource) -> bool:
    episode = run.episode(number).episode
    frames.start(episode)
    deadline = time.monotonic() + _SECONDS_PER_FILM
    while (progress := frames.progress(episode))["state"] == "working" and time.monotonic() < deadline:
        time.sleep(0.05)
    if progress["state"] != "ready":
        return False
    film = b""
    while piece := frames.video(episode, len(film)):
        film += piece
    place = f"runs/0/episodes/{number}"
    return answers.add(f"{place}/video", film) and answers.add(f"{place}/frames", {**progress, "has_states": False})


def _small(curve: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Single precision is enough to draw, and half as large; of strips of colours, every second, third, ... will do."""
    stride = -(-curve["values"].size // (4 * _POINTS)) or 1
    return {"steps": curve["steps"][::stride].astype(np.int32), "values": curve["values"][::stride].astype(np.float32)}


def _place(view: EpisodeView) -> str:
    return f"runs/0/episodes/{view.episode.number}"


def _spread(run: ViewedRun, n: int) -> list[int]:
    """Numbers of the episodes that can be opened, ascending."""
    table = run.recording.episodes
    numbers, returns = table["number"].to_numpy(), table["return"].to_numpy(zero_copy_only=False)
    return sorted(_every(numbers[np.argsort(returns, kind="stable")].tolist(), n))


def _every(items: Sequence[int], n: int) -> list[int]:
    """At most n of some items at even distances, the first and the last among them.

    Example:
        >>> _every(range(10), 4)
        [0, 3, 6, 9]
    """
    if len(items) <= n:
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, n)]


def _page(title: str, answers: dict[str, str]) -> str:
    """The whole file; its policy lets it run its own script, and fetch nothing from anywhere."""
    script = static_file("viewer.js").decode()
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; media-src blob:"
    )
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<link rel="icon" href="data:,">\n'
        f"<style>{static_file('viewer.css').decode()}</style>\n"
    )
    body = (
        '<main id="maze-viewer"></main>\n'
        f'<script type="application/json" id="maze-answers">{json.dumps(answers)}</script>\n'
        f'<script type="module">{script}</script>\n'
    )
    return html_page(title, head, body)
