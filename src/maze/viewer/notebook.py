"""The viewer inside a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from maze.core.recording.recording import Recording
from maze.core.rollout.rollout_result import RolloutResult
from maze.viewer.frames.frame_source import FrameSource
from maze.viewer.page import static_file
from maze.viewer.viewed_run import ViewedRun
from maze.viewer.viewer_api import ViewerApi


class RunWidget(anywidget.AnyWidget):
    """Shows runs below a cell; the page asks this kernel, and no server is started.

    Args:
        api: Answers what the page asks.
        **settings: `height` in pixels, and `episode` and `step` to begin with.
    """

    _esm = static_file("viewer.js").decode()
    _css = static_file("viewer.css").decode()
    height = traitlets.Int(720).tag(sync=True)
    episode = traitlets.Int(None, allow_none=True).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)

    def __init__(self, api: ViewerApi, **settings: Any) -> None:
        """Wait for questions."""
        super().__init__(**settings)
        self._api = api
        self.on_msg(self._answer)

    def close(self) -> None:
        """Take it away, and end what it has started."""
        self._api.close()
        super().close()

    def _answer(self, widget: Any, message: dict[str, Any], buffers: Any) -> None:
        answer = self._api.answer(message["method"], message["path"], message["query"])
        self.send({"question": message["question"], "media_type": answer.media_type}, [answer.body])


def run_widget(
    run: str | PathLike[str] | Recording | RolloutResult,
    other: str | PathLike[str] | Recording | RolloutResult | None,
    *,
    render: bool,
    make: str | None,
    trusted: Sequence[str],
    **settings: Any,
) -> RunWidget:
    """The widget of one run, or of two beside each other."""
    runs = [ViewedRun(_recording(each)) for each in (run, other) if each is not None]
    frames = [FrameSource(each.run_dir, is_asked=render, make=make, trusted=trusted) for each in runs]
    return RunWidget(ViewerApi(runs, frames), **settings)


def _recording(run: str | PathLike[str] | Recording | RolloutResult) -> Recording:
    match run:
        case Recording():
            return Recording(run.run_dir)
        case RolloutResult():
            return Recording(run.run_dir)
    return Recording(Path(run))
