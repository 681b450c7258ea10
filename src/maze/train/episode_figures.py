"""What episodes that were played come to, in figures for the progress of training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maze.train.collected_episode import CollectedEpisode


def episode_figures(episodes: Sequence[CollectedEpisode], prefix: str) -> dict[str, float]:
    """Means over episodes: returns, lengths, the metrics of events, KPIs, and how many were a success.

    Args:
        episodes: At least one.
        prefix: Begins the names.
    """
    rows = [episode.row for episode in episodes]
    values: dict[str, list[float]] = {
        "return": [row.episode_return or 0.0 for row in rows],
        "length": [row.length or 0 for row in rows],
        "success": [row.success for row in rows if row.success is not None],
    }
    for row in rows:
        for name, metric in row.metrics.items():
            values.setdefault(f"metrics/{name}", []).append(float(metric.value))
        for name, kpi in row.kpis.items():
            values.setdefault(f"kpis/{name}", []).append(float(kpi))
    return {f"{prefix}/{name}": float(np.mean(of_name)) for name, of_name in values.items() if of_name}
