"""`maze export`: runs in the formats of others."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maze.cli.recorded_run import open_run, state_of
from maze.cli.replay_command import add_env_options, env_builder, filmed, replayable
from maze.factory import ConfigurationError

if TYPE_CHECKING:
    from maze.core.recording.recording import Recording

FORMATS = {
    "csv": "a folder of tables: steps.csv, episodes.csv, events_<Name>.csv",
    "gif": "one episode, played again, as an animation",
    "hf": "a folder that datasets.load_dataset reads, and that can be pushed to the hub as it is",
    "lerobot": "a LeRobot dataset, layout v3.0",
    "minari": "a Minari dataset; its folder is named like cartpole-random-v0",
}
DEFAULT_FPS = 30

EXAMPLES = """\
examples:
  maze export outputs/RUN --to csv -o tables/
  maze export outputs/RUN --to minari -o ~/.minari/datasets/cartpole-random-v0
  maze export outputs/RUN --to hf -o dataset/ --where "return > 200"
  maze export outputs/RUN --to gif --episode 17 -o 17.gif

Every number and every pixel is exact (but for those of a GIF). What a format cannot hold is refused. Failed episodes
have nothing to export.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "export",
        help="a run in the format of others: " + ", ".join(FORMATS),
        description="Writes the episodes of a run in another format.\n\n"
        + "\n".join(f"  {name:<8} {what}" for name, what in FORMATS.items()),
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run_dir", metavar="RUN", help="directory of the run")
    parser.add_argument("--to", required=True, choices=list(FORMATS), metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument(
        "-o", "--output", metavar="PATH", help="folder or file to make; by default here, named as the run"
    )
    parser.add_argument("--episode", metavar="N", type=int, action="append", help="only this episode; may be repeated")
    parser.add_argument("--where", metavar="FILTER", help="only episodes for which this holds, see maze stats --help")
    parser.add_argument(
        "--fps", metavar="N", type=float, help=f"frames a second of lerobot ({DEFAULT_FPS}) and gif (the environment's)"
    )
    parser.add_argument("--width", metavar="N", type=int, help="of a gif, in pixels")
    add_env_options(parser)
    parser.set_defaults(carry_out=run)


def run(arguments: argparse.Namespace) -> int:
    """Export.

    Returns:
        0; 1 where the pictures of a GIF are of an episode that did not come out as it was recorded.

    Raises:
        ConfigurationError: If there is no such run or episode, the format cannot hold it, or it cannot be written.
    """
    if arguments.fps is not None and not 0 < arguments.fps <= 1000:  # noqa: PLR2004 - beyond nothing shows it
        raise ConfigurationError(f"--fps {arguments.fps:g}: give a number above 0, up to 1000")
    if arguments.width is not None and not 0 < arguments.width <= 10_000:  # noqa: PLR2004 - likewise
        raise ConfigurationError(f"--width {arguments.width}: give a number of pixels, up to 10000")
    recording = open_run(arguments.run_dir)
    for line in state_of(recording):
        print(f"maze: {line}", file=sys.stderr)
    numbers = _numbers(recording, arguments)
    path = Path(arguments.output) if arguments.output else Path(_default_name(recording.run_dir, arguments.to))
    if arguments.to == "gif":
        return _export_gif(recording, path, numbers, arguments)
    print(f"{path}: {_export(recording, path, numbers, arguments)}")
    return 0


def _export(recording: Recording, path: Path, numbers: list[int], arguments: argparse.Namespace) -> str:
    """Hand over to the format."""
    if arguments.to == "csv":
        from maze.interop.csv_tables import export_csv

        return export_csv(recording, path, numbers)
    if arguments.to == "hf":
        from maze.interop.huggingface_dataset import export_huggingface

        return export_huggingface(recording, path, numbers)
    if arguments.to == "lerobot":
        from maze.interop.lerobot_dataset import export_lerobot

        fps = arguments.fps or DEFAULT_FPS
        if fps != round(fps):
            raise ConfigurationError(f"--fps {fps:g}: LeRobot counts whole frames a second")
        return export_lerobot(recording, path, numbers, fps=round(fps))
    from maze.interop.minari_dataset import export_minari

    return export_minari(recording, path.expanduser(), numbers)


def _export_gif(recording: Recording, path: Path, numbers: list[int], arguments: argparse.Namespace) -> int:
    from maze.interop.gif_animation import write_gif

    if len(numbers) > 1 and arguments.episode is None:
        print(f"maze: a gif shows one episode, this is {numbers[0]}: choose another with --episode", file=sys.stderr)
    elif len(numbers) > 1:
        raise ConfigurationError("a gif shows one episode: name one --episode")
    with filmed(replayable(recording, numbers[0]), env_builder(recording, arguments)) as film:
        written = write_gif(path, film, fps=arguments.fps or film.fps, width=arguments.width)
    print(f"{path}: {written}")
    if film.report is not None and not film.report.is_same:
        print(f"maze: the pictures are not of what was recorded: it {film.report}", file=sys.stderr)
        return 1
    return 0


def _numbers(recording: Recording, arguments: argparse.Namespace) -> list[int]:
    """Episodes to export."""
    import pyarrow.compute as pc

    from maze.core.arrow_arrays import number_array
    from maze.core.statistics.episode_columns import EpisodeColumns
    from maze.core.statistics.episode_filter import choose_episodes

    episodes = recording.episodes
    if arguments.where is not None:
        episodes = episodes.filter(number_array(choose_episodes(arguments.where, EpisodeColumns(episodes))))
    numbers: list[int] = episodes.filter(pc.is_null(episodes["error"]))["number"].to_pylist()
    if arguments.episode is not None:
        for number in arguments.episode:
            replayable(recording, number)
        numbers = [
            number for number in dict.fromkeys(arguments.episode) if arguments.where is None or number in numbers
        ]
    if not numbers:
        raise ConfigurationError(f"{recording.run_dir} has no successful episode of those that were asked for")
    return numbers


def _default_name(run_dir: Path, form: str) -> str:
    name = re.sub(r"[^-\w]", "-", run_dir.absolute().name)
    return {"gif": f"{name}.gif", "minari": f"{name}-v0"}.get(form, f"{name}-{form}")
