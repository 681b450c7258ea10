"""`maze replay`: recorded episodes, played again, checked, and shown."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maze.cli.command_line import one_line
from maze.cli.recorded_run import open_run, state_of
from maze.factory import ConfigurationError

if TYPE_CHECKING:
    from maze.core.env.structured_env import StructuredEnv
    from maze.core.recording.episode import Episode
    from maze.core.recording.recording import Recording
    from maze.core.rollout.replay import ReplayReport

MOST_DIFFERENCES = 10
"""Episodes that differ of which it is said how."""

EXAMPLES = """\
examples:
  maze replay outputs/RUN                                  check all episodes
  maze replay outputs/RUN --episode 17                     check one, and show it in a window
  maze replay outputs/RUN --episode 17 --video out.mp4     check one, and write a video
  maze replay outputs/RUN --env my_package:make_env        for a run that was recorded from Python
  maze replay outputs/RUN --trust my_package               for an environment class of your own

The environment is reset with the recorded seed, and the recorded actions are carried out. All that it does is compared
with what was recorded, bit for bit. Exit code: 0 if it is the same, 1 if not; where not, the line says from which
decision on, and by how much.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "replay",
        help="play recorded episodes again, and check that they are the same",
        description="Plays recorded episodes again, checks that they are the same, and shows them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run_dir", metavar="RUN", help="directory of the run")
    parser.add_argument(
        "--episode", metavar="N", type=int, action="append", help="number of an episode; may be repeated"
    )
    parser.add_argument("--video", metavar="FILE", help="write what the episode looks like, as FILE.mp4")
    parser.add_argument("--check-only", action="store_true", help="open no window")
    add_env_options(parser)
    parser.set_defaults(carry_out=run)


def add_env_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how the environment of a run is made."""
    parser.add_argument("--env", metavar="MODULE:FACTORY", help="what makes the environment, with all its wrappers")
    parser.add_argument(
        "--trust", metavar="PACKAGE", action="append", default=[], help="let the run name environments of this package"
    )


def run(arguments: argparse.Namespace) -> int:
    """Replay, and say how it went.

    Returns:
        0 if all episodes are the same; 1 if one is not.

    Raises:
        ConfigurationError: If there is no such run or episode, or its environment cannot be made or shown.
    """
    recording = open_run(arguments.run_dir)
    for line in state_of(recording):
        print(f"maze: {line}", file=sys.stderr)
    if arguments.video is not None:
        _check_video(arguments)
    build = env_builder(recording, arguments)
    if arguments.episode is None:
        return _check_all(recording, build)
    exit_code = 0
    for number in arguments.episode:
        episode = replayable(recording, number)
        report, as_integers = _checked(episode, build)
        print(f"episode {number}: {report}")
        exit_code = exit_code if report.is_same else 1
        if len(arguments.episode) == 1:
            _show(episode, build, as_integers, arguments)
    return exit_code


def env_builder(recording: Recording, arguments: argparse.Namespace) -> Callable[..., Any]:
    """What builds the environment of a run, as the options say; called with `render_mode`, it is a context manager."""
    from maze.cli.named_env import named_env

    make = None if arguments.env is None else named_env(arguments.env)
    return partial(_built, recording, make, tuple(arguments.trust))


def replayable(recording: Recording, number: int) -> Episode:
    """An episode of a run whose decisions can be read.

    Raises:
        ConfigurationError: If there is none.
    """
    from maze.core.recording.part_file import DamagedRecordingError

    try:
        episode = recording[number]
        episode.segments()
    except KeyError as error:
        raise ConfigurationError(str(error.args[0])) from error
    except DamagedRecordingError:
        raise
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    return episode


@contextmanager
def _built(
    recording: Recording, make: Any, allowed: tuple[str, ...], render_mode: str | None = None
) -> Iterator[StructuredEnv]:
    from maze.core.rollout.replay import recorded_env

    try:
        env = recorded_env(recording, make=make, render_mode=render_mode, allowed=allowed)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"the environment cannot be made: {type(error).__name__}: {one_line(error)}"
        ) from error
    try:
        yield env
    finally:
        env.close()


def _checked(episode: Episode, build: Callable[..., Any]) -> tuple[ReplayReport, bool]:
    """How a replay comes out, and whether discrete actions had to be Python's integers for it."""
    from maze.core.rollout.replay import replay_episode

    with build() as env:
        report = replay_episode(episode, env)
    if not report.is_same:
        with build() as env:
            other = replay_episode(episode, env, as_python_integers=True)
        if other.is_same:
            return other, True
    return report, False


def _check_all(recording: Recording, build: Callable[..., Any]) -> int:
    from maze.core.rollout.replay import replay_episode

    n, n_different = 0, 0
    is_fresh = (recording.metadata.get("traits") or {}).get("fresh", False)
    episodes = iter(recording)
    first = next(episodes, None)
    if first is None:
        raise ConfigurationError(f"{recording.run_dir} has no successful episode: there is nothing to replay")
    replayable(recording, first.number)
    with build() as env:
        for episode in recording:
            report = None if is_fresh else replay_episode(episode, env)
            if report is None or not report.is_same:
                report, _ = _checked(episode, build)
            n += 1
            if not report.is_same:
                n_different += 1
                if n_different <= MOST_DIFFERENCES:
                    print(f"episode {episode.number}: {report}")
    if n_different > MOST_DIFFERENCES:
        print(f"and {n_different - MOST_DIFFERENCES:,} more that differ")
    failed = f"; {len(recording.failed):,} failed ones have nothing to replay" if recording.failed else ""
    print(f"{n - n_different:,} of {n:,} episodes are the same{failed}")
    return 1 if n_different else 0


def _check_video(arguments: argparse.Namespace) -> None:
    from maze.core.rollout.episode_videos import check_videos

    if arguments.episode is None or len(arguments.episode) > 1:
        raise ConfigurationError("--video shows one episode: add --episode N")
    check_videos()
    file = Path(arguments.video)
    if file.suffix.lower() != ".mp4":
        raise ConfigurationError(f"--video {file}: videos are mp4, so name it {file.with_suffix('.mp4').name}")
    if not file.parent.is_dir() or file.is_dir():
        place = f"there is no folder {file.parent}" if not file.is_dir() else f"{file} is a folder"
        raise ConfigurationError(f"{place}: name a file to write, such as out.mp4")


def _show(episode: Episode, build: Callable[..., Any], as_integers: bool, arguments: argparse.Namespace) -> None:
    """Play the episode once more, to be looked at."""
    from maze.core.rollout.picture_window import PictureWindow, has_display, render_mode
    from maze.core.rollout.replay import replay_episode

    if arguments.video is not None:
        _write_video(episode, build, as_integers, Path(arguments.video))
        return
    if arguments.check_only:
        return
    with build() as env:
        name, modes = type(env.unwrapped).__name__, list(env.metadata.get("render_modes") or [])
    if not has_display() or not {"human", "rgb_array"} & set(modes):
        reason = f"{name} has no window" if has_display() else "there is no display here"
        advice = ": --video FILE.mp4 writes a video" if "rgb_array" in modes else ""
        print(f"maze: not shown, for {reason}{advice}", file=sys.stderr)
        return
    with build(render_mode=render_mode(modes)) as env, closing(PictureWindow()) as window:
        replay_episode(episode, env, on_step=lambda _: window(env), as_python_integers=as_integers)


class Film:
    """Pictures of an episode that is played again, one after the reset and one after each decision.

    Args:
        episode: The recorded one.
        env: Its environment, with `render_mode="rgb_array"`.
        as_integers: Whether discrete actions have to be Python's integers.
    """

    def __init__(self, episode: Episode, env: StructuredEnv, *, as_integers: bool = False) -> None:
        """Begin with no picture."""
        from maze.core.rollout.episode_videos import DEFAULT_FPS

        self.fps: float = env.metadata.get("render_fps", DEFAULT_FPS)
        self.report: ReplayReport | None = None
        self._episode, self._env, self._as_integers = episode, env, as_integers

    def __iter__(self) -> Iterator[Any]:
        """Play the episode; how that went is then in `report`.

        Raises:
            ConfigurationError: If the environment gives no pictures.
        """
        from maze.core.rollout.replay import replay_in_steps

        steps = replay_in_steps(self._episode, self._env, as_python_integers=self._as_integers)
        while self.report is None:
            try:
                next(steps)
            except StopIteration as stop:
                self.report = stop.value
            else:
                yield _picture(self._env)


@contextmanager
def filmed(episode: Episode, build: Callable[..., Any], *, as_integers: bool = False) -> Iterator[Film]:
    """A film of an episode.

    Args:
        episode: The recorded one.
        build: What builds its environment, of `env_builder`.
        as_integers: Whether discrete actions have to be Python's integers.

    Raises:
        ConfigurationError: If the environment gives no pictures.
    """
    with build() as env:
        _check_pictures(env)
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pygame looks for no screen, and complains of none
    with build(render_mode="rgb_array") as env:
        yield Film(episode, env, as_integers=as_integers)


def _write_video(episode: Episode, build: Callable[..., Any], as_integers: bool, file: Path) -> None:
    from maze.viewer.frames.episode_video import EpisodeVideo

    try:
        with filmed(episode, build, as_integers=as_integers) as film, EpisodeVideo(file, film.fps) as video:
            for picture in film:
                video.add(picture)
    except OSError as error:
        raise ConfigurationError(f"cannot write {file}: {error.strerror or one_line(error)}") from error
    print(f"{video.n_frames:,} frames in {file}")


def _check_pictures(env: StructuredEnv) -> None:
    modes = list(env.metadata.get("render_modes") or [])
    if "rgb_array" not in modes:
        raise ConfigurationError(
            f"{type(env.unwrapped).__name__} gives no pictures: its render modes are {modes}, not 'rgb_array'"
        )


def _picture(env: StructuredEnv) -> Any:
    frame: Any = env.render()
    if getattr(frame, "ndim", 0) != 3:  # noqa: PLR2004 - height, width, colours
        raise ConfigurationError(
            f"{type(env.unwrapped).__name__}.render() gives no picture, but a {type(frame).__name__}"
        )
    return frame
