from __future__ import annotations

import io
import re

import numpy as np
import pytest
from rich.console import Console

from maze.cli.statistics_table import statistics_table
from maze.core.statistics.statistics import MetricSummary, Statistics
from maze.core.statistics.summary import Summary, summarize, summarize_successes

NOTHING = Summary(0, 0, None, None, None, None, None, None, None)
LONG_METRIC = "PieceDiscarded.size.sum[reason=too small for any order]"


def shown(statistics: Statistics, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(statistics_table(statistics))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def make_statistics(scale: float = 1.0) -> Statistics:
    generator = np.random.default_rng(0)
    summary = summarize(-scale * generator.exponential(size=98))
    return Statistics(
        n_episodes=100,
        n_failed=2,
        n_terminated=60,
        n_truncated_by_env=21,
        n_truncated_by_runner=17,
        episode_return=summary,
        length=summarize(generator.integers(10, 500, 98)),
        success=summarize_successes(49, 98),
        info={"reward_of_the_distance": summary, "[bold]odd": summarize([1.0, 2.0, np.nan])},
        kpis={"pieces_per_order": summary},
        metrics={
            "PieceCut.count": MetricSummary("count", "sum", 5021.0, summarize(generator.poisson(5, 98))),
            LONG_METRIC: MetricSummary("sum", "mean", 1.0, summary),
        },
        action_counts={"select": (50, 25, 10, 10, 3, 1, 1), "cut": (3, 1), "idle": (0, 0)},
    )


def numbers_of(row: str) -> list[str]:
    return re.findall(r"-?[\d,]*\d(?:\.\d+)?(?:e-?\d+)?%?", row)


def test_a_row_shows_mean_interval_iqm_median_min_and_max() -> None:
    length = Summary(50, 0, 22.3571, (21.04, 23.91), 5.0, 21.6, 19.5, 8.0, 71.0)
    text = shown(Statistics(50, 0, 50, 0, 0, length, length, None, {}, {}, {}, {}))
    row = next(line for line in text.splitlines() if line.startswith("length"))
    assert row.split() == ["length", "22.4", "[21.0,", "23.9]", "21.6", "19.5", "8", "71"]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("scale", [1e-7, 1e-3, 1.0, 1234.5, 9e5, 1e12, 1e99])
def test_no_number_is_cut_at_any_usual_width(width: int, scale: float) -> None:
    text = shown(make_statistics(scale), width)
    assert "…" not in text
    assert all(len(line) <= width for line in text.splitlines())
    row = next(line for line in text.splitlines() if line.startswith("return"))
    wide = next(line for line in shown(make_statistics(scale), 300).splitlines() if line.startswith("return"))
    # The interval may go on in the next line; every other figure stands in one piece.
    mean, *_, iqm, median, low, high = numbers_of(wide)
    assert [mean, iqm, median, low, high] == [numbers_of(row)[0], *numbers_of(row)[-4:]]


def test_names_are_complete_and_no_markup() -> None:
    text = shown(make_statistics(), 120)
    assert "[bold]odd" in text
    assert LONG_METRIC.partition(".")[2] in text
    # Where the column is narrow they go on in the next lines, between the figures.
    assert re.search(r"size\.sum\[reason=.*too.*small.*for.*any.*order\]", shown(make_statistics()), re.DOTALL)


def test_sections_show_what_there_is() -> None:
    text = shown(make_statistics(), 120)
    for expected in ("success rate", "50.0%  [40.3%, 59.7%]", "info", "KPIs", "PieceCut", "sum over the run: 5,021"):
        assert expected in text
    assert "odd n=2, 1 not finite" in text
    bare = shown(Statistics(0, 0, 0, 0, 0, NOTHING, NOTHING, None, {}, {}, {}, {}))
    for unexpected in ("success", "info", "KPIs", "actions"):
        assert unexpected not in bare


def test_actions_of_a_step_key_that_is_a_number_say_what_it_is() -> None:
    text = shown(Statistics(**{**vars(make_statistics()), "action_counts": {"0": (1, 1), "cut": (2, 0)}}))
    assert re.search(r"^actions of key 0 ", text, re.MULTILINE)
    assert re.search(r"^actions of cut ", text, re.MULTILINE)


def test_actions_show_the_most_frequent_ones() -> None:
    text = shown(make_statistics()).replace("\N{NO-BREAK SPACE}", " ")
    assert "0 50.0%   1 25.0%   2 10.0%   3 10.0%   4 3.0%   2 more 2.0%" in text
    assert "0 75.0%   1 25.0%" in text
    assert "none taken" in text


@pytest.mark.parametrize(
    ("n_episodes", "line"),
    [
        (1234, "1,234 episodes, 2 failed, 17 cut by the runner's max_episode_steps"),
        (1, "1 episode, 2 failed, 17 cut by the runner's max_episode_steps"),
    ],
)
def test_the_last_line_counts_the_episodes(n_episodes: int, line: str) -> None:
    text = shown(Statistics(**{**vars(make_statistics()), "n_episodes": n_episodes}))
    assert text.splitlines()[-1] == line


def test_a_single_episode_shows_no_interval_and_no_invented_digits() -> None:
    one = summarize([9.0])
    text = shown(Statistics(1, 0, 1, 0, 0, one, one, None, {}, {}, {}, {}))
    assert text.splitlines()[2].split() == ["return", "9", "–", "9", "9", "9", "9"]


def with_actor_returns(returns: dict[str, Summary]) -> list[list[str]]:
    length = summarize([3, 4])
    return [
        line.split()
        for line in shown(Statistics(2, 0, 2, 0, 0, length, length, None, {}, {}, {}, {}, returns)).splitlines()
    ]


def test_returns_of_actors_have_rows_of_their_own() -> None:
    lines = with_actor_returns({"piston_0": summarize([1.0, 3.0]), "late_0": summarize([5.0])})
    assert ["return", "of"] in lines
    assert [line[1] for line in lines if line[:1] == ["piston_0"]] == ["2.0"]
    assert [line[1] for line in lines if line[:2] == ["late_0", "n=1"]] == ["n=1"]
    assert "return of" not in shown(make_statistics())


def test_of_many_actors_the_best_and_the_worst_are_shown() -> None:
    lines = with_actor_returns({f"0_{agent}": summarize([agent, agent + 2.0]) for agent in range(100)})
    agents = [int(line[1]) for line in lines if line[:1] == ["agent"]]
    assert agents == [99, 98, 97, 96, 95, 94, 5, 4, 3, 2, 1, 0]
    assert ["88", "others,", "in", "statistics.json"] in lines
