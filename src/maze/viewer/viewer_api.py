"""What the page may ask, however it asks: over HTTP, from a notebook, or from the file that it is in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from maze.core.recording.episode import Episode
from maze.core.recording.part_file import DamagedRecordingError
from maze.viewer.column_bundle import pack
from maze.viewer.divergence import first_divergence
from maze.viewer.frames.frame_source import FrameSource
from maze.viewer.viewed_run import ViewedRun

MOST_POINTS, MOST_CURVES = 8192, 128


@dataclass(frozen=True)
class Answer:
    """What comes back."""

    body: bytes
    """Packed columns, unless a media type says otherwise."""

    status: int = 200
    """As in HTTP; 404 where there is no such question."""

    media_type: str = "application/x-maze-columns"


class ViewerApi:
    """Answers the page's questions about some runs. Methods may be called from any thread.

    Runs go by their position, episodes by their number; nothing that a client sends is ever a path.

    Args:
        runs: What is looked at: one run, or two to compare.
        frames: Where the pictures of each run come from; None: nowhere.

    Example:
        >>> ViewerApi([]).answer("GET", "runs", {}).status
        200
    """

    def __init__(self, runs: Sequence[ViewedRun], frames: Sequence[FrameSource] | None = None) -> None:
        """Take the runs."""
        self._runs, self._frames = runs, frames

    def answer(self, method: str, path: str, query: Mapping[str, str]) -> Answer:
        """Answer one question.

        Args:
            method: "GET", or "POST" for what starts something.
            path: Such as `runs/0/episodes/17/curves`.
            query: Its parameters.
        """
        try:
            content = self._content(method, path.strip("/").split("/"), query)
        except _NoSuchQuestionError as error:
            return _problem(str(error), 404)
        except KeyError as error:
            return _problem(str(error.args[0]))
        except (DamagedRecordingError, ValueError, OSError) as error:
            return _problem(str(error))
        if isinstance(content, Answer):
            return content
        return Answer(content if isinstance(content, bytes) else pack(content))

    def close(self) -> None:
        """Stop what was started."""
        for source in self._frames or ():
            source.close()

    def _content(self, method: str, parts: Sequence[str], query: Mapping[str, str]) -> Any:
        match method, *parts:
            case "GET", "runs":
                return [self._description(index) for index in range(len(self._runs))]
            case "GET", "runs", index, "damage":
                return self._run(index).damage()
            case "GET", "runs", index, "episodes":
                return self._refreshed(index).episodes()
            case "GET", "runs", index, "episodes", number, *rest:
                return self._content_of_episode(index, number, rest, query)
            case "POST", "runs", index, "episodes", number, "frames":
                return self._frame_state(index, number, starts=True)
        raise _not_there(parts)

    def _content_of_episode(  # noqa: PLR0911 - routes
        self, index: str, number: str, rest: Sequence[str], query: Mapping[str, str]
    ) -> Any:
        position = _whole(query, "position", 0)
        match rest:
            case []:
                return self._of_episode(index, number, lambda view: view.description())
            case ["curves"]:
                return self._of_episode(index, number, lambda view: _curves(view, query))
            case ["records"]:
                return self._of_episode(index, number, lambda view: view.records(position))
            case ["divergence", other_index, other_number]:
                return self._divergence(index, number, other_index, other_number)
            case ["frames"]:
                return self._frame_state(index, number, starts=False)
            case ["video"]:
                film = self._source(index).video(self._episode(index, number), _whole(query, "from", 0))
                return Answer(film, media_type="video/mp4")
            case ["state"]:
                return self._source(index).state(self._episode(index, number), position)
        raise _not_there(rest)

    def _description(self, index: int) -> dict[str, Any]:
        run = self._refreshed(str(index))
        with run.lock:
            offers = self._frames is not None
            return {"id": index, **run.description(), "offers_frames": offers, "renders": self._renders(index)}

    def _renders(self, index: int) -> bool:
        return self._frames is not None and self._frames[index].is_asked

    def _refreshed(self, index: str) -> ViewedRun:
        run = self._run(index)
        if run.recording.metadata["status"] == "running":
            run.refresh()
        return run

    def _of_episode(self, index: str, number: str, ask: Callable[[Any], Any]) -> Any:
        run = self._run(index)
        with run.lock:
            return ask(run.episode(_number(number)))

    def _divergence(self, *places: str) -> Any:
        runs = [self._run(places[0]), self._run(places[2])]
        with ExitStack() as stack:
            for run in sorted(set(runs), key=id):  # always in one order, so that no two threads wait for each other
                stack.enter_context(run.lock)
            views = [run.episode(_number(place)) for run, place in zip(runs, places[1::2], strict=True)]
            return first_divergence(views[0].episode, views[1].episode)

    def _frame_state(self, index: str, number: str, *, starts: bool) -> Any:
        source, episode = self._source(index), self._episode(index, number)
        if starts:
            source.start(episode)
        return source.progress(episode)

    def _episode(self, index: str, number: str) -> Episode:
        return self._of_episode(index, number, lambda view: view.episode)  # type: ignore[no-any-return]

    def _run(self, index: str) -> ViewedRun:
        if _number(index) >= len(self._runs):
            raise KeyError(f"there is no run {index}")
        return self._runs[_number(index)]

    def _source(self, index: str) -> FrameSource:
        if self._frames is None:
            raise ValueError("this page shows no pictures: open the run with `maze view`")
        self._run(index)
        return self._frames[_number(index)]


def _curves(view: Any, query: Mapping[str, str]) -> Any:
    names = [name for name in query.get("names", "").split(",") if name][:MOST_CURVES]
    stop = _whole(query, "stop", view.n_decisions)
    n_points = min(max(_whole(query, "points", 1000), 2), MOST_POINTS)
    return dict(zip(names, view.curves(names, _whole(query, "start", 0), stop, n_points), strict=True))


def _whole(query: Mapping[str, str], key: str, default: int) -> int:
    return _number(query[key]) if key in query else default


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):  # noqa: PLR2004 - digits of an int64
        raise KeyError(f"{text!r:.40} is no number")
    return int(text)


class _NoSuchQuestionError(Exception):
    """The page does not ask that."""


def _not_there(parts: Sequence[str]) -> _NoSuchQuestionError:
    return _NoSuchQuestionError(f"there is no {'/'.join(parts)!r:.100}")


def _problem(message: str, status: int = 200) -> Answer:
    """What the page shows in place of an answer; that a file is damaged is no mistake of the page."""
    return Answer(pack({"$problem": " ".join(message.split())}), status)
