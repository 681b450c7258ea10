"""Whether an environment keeps the rules that make its rollouts reproducible and its recordings right."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import cloudpickle
import gymnasium
import numpy as np

from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.env_wrapping import WrappersLike
from maze.core.rollout.recipes import EnvLike, EnvRecipe
from maze.factory import ConfigurationError
from maze.testing.checked_episodes import CheckedEpisodes
from maze.testing.conformance import ConformanceError, ConformanceWarning, Moment, call, first_difference
from maze.testing.env_interface import check_interface

RENDERED_STEPS = 10


def check_env(
    env: EnvLike, wrappers: WrappersLike = None, *, n_steps: int = 200, seed: int = 0, render: bool = True
) -> None:
    """Play an environment with random legal actions, and see that it keeps every rule that rollouts rely on.

    Args:
        env: A gymnasium id, a config with a `_target_`, a function or class that makes one, or an environment, which
            stays open; what needs a second one of the same kind is left out then.
        wrappers: gymnasium wrappers from the inside out, as configs or as functions of the environment.
        n_steps: Steps to play at least.
        seed: Of the first episode; the ones behind it have the next.
        render: Whether to check its pictures too.

    Raises:
        ConformanceError: If it breaks a rule; the message says which one, where, and what to do.
        ConfigurationError: If there is no such environment.

    Warns:
        ConformanceWarning: If two seeds gave the same episode.

    Example:
        >>> check_env("CartPole-v1")
    """
    recipe = EnvRecipe(env, wrappers)
    recipe.check()
    with _built(recipe) as played:
        check_interface(played)
        episodes = CheckedEpisodes(played)
        first = _play_several(episodes, seed, n_steps)
        if not isinstance(env, gymnasium.Env):
            _check_fresh(recipe, first, seed, n_steps)
            _check_pickled(recipe, first, seed, n_steps)
        _check_equal(
            first,
            episodes.play(seed, n_steps),
            "an environment that was used gives another episode under the same seed",
            "let reset put back everything that an episode changes",
        )
        call("reset()", "without a seed", played.reset)
        played.pending_events.clear()
    if not isinstance(env, gymnasium.Env):
        _check_closing(recipe)
        if render:
            _check_rendering(recipe, first, seed)


def _play_several(episodes: CheckedEpisodes, seed: int, n_steps: int) -> list[Moment]:
    """Play episodes, two at least; returns the first."""
    first = episodes.play(seed, n_steps)
    second = episodes.play(seed + 1, n_steps)
    n_played, n_episodes = len(first) + len(second), 2
    while n_played < n_steps:
        n_played += len(episodes.play(seed + n_episodes, n_steps - n_played))
        n_episodes += 1
    if first_difference(first, second) is None:
        warnings.warn(
            f"the seeds {seed} and {seed + 1} gave the same episode: nothing is random, or reset ignores its seed",
            ConformanceWarning,
            stacklevel=3,
        )
    return first


def _check_fresh(recipe: EnvRecipe, first: list[Moment], seed: int, n_steps: int) -> None:
    with _built(recipe) as env:
        _check_equal(
            first,
            CheckedEpisodes(env).play(seed, n_steps),
            "another environment gives another episode under the same seed",
            "seed everything random in reset, by super().reset(seed=seed) and self.np_random",
        )


def _check_pickled(recipe: EnvRecipe, first: list[Moment], seed: int, n_steps: int) -> None:
    try:
        restored: EnvRecipe = cloudpickle.loads(cloudpickle.dumps(recipe))
    except Exception as error:
        raise ConformanceError(
            f"the factory does not survive cloudpickle ({type(error).__name__}: {error}): "
            "worker processes need it, so keep open files, locks and the like out of it"
        ) from error
    with _built(restored) as env:
        _check_equal(
            first,
            CheckedEpisodes(env).play(seed, n_steps),
            "the factory makes another environment once it went through cloudpickle",
            "let it depend on nothing that changes, such as a counter or the time",
        )


def _check_equal(first: list[Moment], other: list[Moment], what: str, advice: str) -> None:
    difference = first_difference(first, other)
    if difference is not None:
        raise ConformanceError(f"{what} ({difference}): {advice}")


def _check_closing(recipe: EnvRecipe) -> None:
    unused, used = _build(recipe), _build(recipe)
    call("close()", "before the first reset", unused.close)
    used.reset(seed=0)
    call("close()", "after a reset", used.close)
    call("close()", "for the second time: let it do nothing then", used.close)


def _check_rendering(recipe: EnvRecipe, first: list[Moment], seed: int) -> None:
    with _built(recipe) as env:
        modes = [mode for mode in env.metadata.get("render_modes", []) if mode in {"rgb_array", "ansi"}]
    for mode in modes:
        where = f"with render_mode={mode!r}"
        with _built(replace(recipe, render_mode=mode)) as env:
            if env.render_mode != mode:
                raise ConformanceError(
                    f"render_mode is {env.render_mode!r} {where}: take render_mode as an argument of the constructor "
                    "and keep it, or leave it out of metadata"
                )
            moments = CheckedEpisodes(env, renders=True).play(seed, min(RENDERED_STEPS, len(first) - 1))
            _check_picture(mode, call("render()", where, env.render), where)
        _check_equal(
            first[: len(moments)],
            moments,
            f"the episode is another one when it is rendered {where}",
            "let render only look, with a generator of its own if it draws",
        )


def _check_picture(mode: str, picture: Any, where: str) -> None:
    if mode == "ansi":
        if not isinstance(picture, str):
            raise ConformanceError(f"render() gave a {type(picture).__name__} {where}: return a str")
    elif not (
        isinstance(picture, np.ndarray)
        and picture.dtype == np.uint8
        and picture.ndim == 3  # noqa: PLR2004 - height, width, color
        and picture.shape[2] == 3  # noqa: PLR2004 - red, green, blue
    ):
        is_array = isinstance(picture, np.ndarray)
        found = f"{picture.dtype} of shape {picture.shape}" if is_array else type(picture).__name__
        raise ConformanceError(f"render() gave {found} {where}: return uint8 of shape (height, width, 3)")


@contextmanager
def _built(recipe: EnvRecipe) -> Iterator[StructuredEnv]:
    env = _build(recipe)
    try:
        yield env
    finally:
        recipe.close(env)


def _build(recipe: EnvRecipe) -> StructuredEnv:
    try:
        return recipe()
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConformanceError(
            f"building the environment raised {type(error).__name__}: {error}: see the error above"
        ) from error
