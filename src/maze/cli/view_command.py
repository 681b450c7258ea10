"""The commands `maze view` and `maze report`: runs in the browser, and runs as a file to send."""

from __future__ import annotations

import os
import signal
import sys
import threading
import webbrowser
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, NoReturn

from maze.cli.recorded_run import open_run
from maze.factory import ConfigurationError

MOST_RUNS = 2


def add_parser(subparsers: Any) -> None:
    """Add the commands."""
    view = subparsers.add_parser(
        "view", help="a run in the browser, or two side by side", description="Serves runs as a page on this machine."
    )
    add_view_arguments(view)
    view.set_defaults(carry_out=run_view)
    report = subparsers.add_parser(
        "report", help="a run as one file to send", description="Writes a run into one file that needs nothing else."
    )
    add_report_arguments(report)
    report.set_defaults(carry_out=run_report)


def add_view_arguments(parser: ArgumentParser) -> None:
    """Say what `maze view` takes."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run directory; two are shown side by side")
    parser.add_argument("--port", type=int, help="port of the page; the first free one from 8700 on")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at; others than this machine need a token"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--render", action="store_true", help="play episodes again for pictures without being asked")
    _add_env_arguments(parser)


def run_view(arguments: Namespace) -> int:
    """Serve the page until Ctrl-C.

    Raises:
        ConfigurationError: If there is nothing to show, or nowhere to listen.
    """
    if len(arguments.runs) > MOST_RUNS:
        raise ConfigurationError(f"{len(arguments.runs)} runs are too many: name one, or two to compare")
    try:
        from maze.viewer.frames.frame_source import FrameSource
        from maze.viewer.server import listen, serve
        from maze.viewer.viewed_run import ViewedRun
        from maze.viewer.viewer_api import ViewerApi
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"maze view needs the package {error.name!r}: pip install 'maze-rollouts[viewer]'"
        ) from error
    runs = [ViewedRun(open_run(path)) for path in arguments.runs]
    listening = listen(arguments.host, arguments.port)
    frames = [
        FrameSource(run.run_dir, is_asked=arguments.render, make=arguments.env, trusted=arguments.trust) for run in runs
    ]
    api = ViewerApi(runs, frames)

    def announce() -> None:
        print(f"{' and '.join(arguments.runs)} at {listening.url}", flush=True)
        if not arguments.no_browser and _has_browser():
            threading.Thread(target=webbrowser.open, args=(listening.url,), daemon=True).start()

    signal.signal(signal.SIGTERM, _end)  # the processes that film end with the server
    try:
        serve(api, listening, " and ".join(run.run_dir.name for run in runs), announce)
    except KeyboardInterrupt:
        pass
    finally:
        api.close()
    return 0


def add_report_arguments(parser: ArgumentParser) -> None:
    """Say what `maze report` takes."""
    parser.add_argument("run", metavar="RUN", help="run directory")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("report.html"), help="the file, report.html if not given"
    )
    parser.add_argument("--episodes", type=int, default=50, help="episodes of which every step is in the file, 50")
    parser.add_argument("--megabytes", type=float, default=3.0, help="size that the file may have, 3")
    parser.add_argument("--render", type=int, default=0, metavar="N", help="play N episodes again, for their pictures")
    _add_env_arguments(parser)


def run_report(arguments: Namespace) -> int:
    """Write the file.

    Raises:
        ConfigurationError: If it cannot be written.
    """
    from maze.viewer.frames.frame_source import FrameSource
    from maze.viewer.report import ReportSettings, write_report
    from maze.viewer.viewed_run import ViewedRun

    for name, least in (("episodes", 1), ("render", 0), ("megabytes", 0.2)):
        if not getattr(arguments, name) >= least:
            raise ConfigurationError(f"--{name} {getattr(arguments, name)}: the least is {least}")
    run = ViewedRun(open_run(arguments.run))
    frames = FrameSource(run.run_dir, make=arguments.env, trusted=arguments.trust) if arguments.render else None
    settings = ReportSettings(arguments.episodes, int(arguments.megabytes * 1e6), arguments.render)
    try:
        written = write_report(run, arguments.output, settings, frames)
    except OSError as error:
        raise ConfigurationError(f"cannot write {arguments.output}: {error.strerror}") from error
    finally:
        if frames is not None:
            frames.close()
    print(f"{arguments.output}: {written}")
    return 0


def _add_env_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--env", metavar="MODULE:FUNCTION", help="what makes the environment, for a run from Python")
    parser.add_argument(
        "--trust", action="append", default=[], metavar="PACKAGE", help="package whose environments may be imported"
    )


def _end(signal_number: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal_number)


def _has_browser() -> bool:
    """Whether a browser would have a screen to be on."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
