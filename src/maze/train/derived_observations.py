"""Observations of recorded episodes as another wrapper stack gives them: derived by playing the episodes again."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NoReturn

import gymnasium

from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.decision_block import EpisodeSegment
from maze.core.recording.episode import Episode
from maze.core.recording.recording import Recording
from maze.core.recording.segment import NO_SEED
from maze.core.rollout.probe import EnvTraits, seed_global_generators
from maze.core.rollout.recipes import EnvRecipe
from maze.core.rollout.replay import decisions_of, given_action, recorded_env, replay_episode
from maze.core.rollout.trust import TRUSTED, check_trusted, targets_in
from maze.core.wrappers.reward_wrapper import RewardWrapper
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.factory import ConfigurationError


class DerivedObservations:
    """Carries recorded actions out again under the recorded seeds, and keeps what is observed now.

    They are carried out in the environment as it was, which has to give exactly what was recorded, and then in the
    environment as it is now, which has to give the same rewards, actors and end.

    Args:
        recording: The run.
        env: The environment as it is now.
        traits: How that has to be treated.
        trusted: Packages, besides maze's and those that `env` names, whose classes the run may name.

    Raises:
        ConfigurationError: If the environment cannot be built as it was.
    """

    def __init__(self, recording: Recording, env: EnvRecipe, traits: EnvTraits, trusted: tuple[str, ...] = ()) -> None:
        """Find out how the environment was made."""
        self._recording, self._recipe, self._traits = recording, env, traits
        config = recording.metadata.get("config") or {}
        self._make_then = None if config.get("env") else env.env
        own = [target.partition(".")[0] for settings in (env.env, env.wrappers) for target in targets_in(settings)]
        self._allowed = [*own, *trusted]
        for settings in (config.get("env"), config.get("wrappers")):
            check_trusted(settings, [*TRUSTED, *self._allowed])
        self._is_fresh = traits.fresh or bool((recording.metadata.get("traits") or {}).get("fresh"))
        self._as_python_integers = False
        self._then: StructuredEnv | None = None
        self._now: StructuredEnv | None = None

    def of(self, episode: Episode) -> Iterator[tuple[EpisodeSegment, dict[StepKey, list[Any]]]]:
        """The stretches of an episode, each with what is observed for its decisions now, by step key.

        Raises:
            ConfigurationError: If the episode does not go as it was recorded.
        """
        if episode.env_seed == NO_SEED:
            self._give_up(episode, "cannot be played again for other wrappers, for its seed was not recorded")
        if self._is_fresh:
            self.close()
        self._check_as_it_was(episode)
        yield from self._as_it_is_now(episode)

    def close(self) -> None:
        """Close the environments."""
        for env in (self._then, self._now):
            if env is not None:
                self._recipe.close(env)
        self._then = self._now = None

    def _check_as_it_was(self, episode: Episode) -> None:
        if self._then is None:
            self._then = recorded_env(self._recording, make=self._make_then, allowed=self._allowed)
        # Policies have given discrete actions as either; which one can matter in the last digits.
        likelier = self._as_python_integers
        reports = []
        for as_python_integers in (likelier, not likelier):
            report = replay_episode(episode, self._then, as_python_integers=as_python_integers)
            if report.is_same:
                self._as_python_integers = as_python_integers
                return
            reports.append(report)
        self._give_up(episode, f"cannot be derived for the new wrappers, for played again it {reports[0]}")

    def _as_it_is_now(self, episode: Episode) -> Iterator[tuple[EpisodeSegment, dict[StepKey, list[Any]]]]:
        if self._now is None:
            self._now = self._recipe()
        env, keep = self._now, deepcopy if self._traits.copy_observations else _same
        compares_rewards = not _changes_rewards(env)
        if self._traits.seed_globals:
            seed_global_generators(episode.env_seed)
        observation, _ = env.reset(seed=episode.env_seed)
        n_decided = 0
        for segment in episode.segments():
            observed: dict[StepKey, list[Any]] = {}
            rewards = segment.rewards.tolist()
            for (actor, _, _, action), recorded in zip(decisions_of(segment, episode.schema), rewards, strict=True):
                actor_now = env.actor_id()
                if tuple(actor_now) != tuple(actor):
                    self._diverge(episode, f"{tuple(actor_now)} decides in place of {tuple(actor)}", n_decided)
                observed.setdefault(actor.step_key, []).append(keep(observation))
                given = given_action(action, as_python_integers=self._as_python_integers)
                observation, reward, terminated, truncated, _ = env.step(given)
                if compares_rewards and float(reward) != recorded:
                    self._diverge(episode, f"the reward was {recorded!r}, now {float(reward)!r}", n_decided)
                n_decided += 1
                is_last = n_decided == episode.n_decisions
                if bool(terminated) != (is_last and bool(episode.terminated)) or (truncated and not is_last):
                    what = "it ends" if terminated or truncated else "it does not end"
                    self._diverge(episode, what, n_decided - 1)
            yield segment, observed

    def _diverge(self, episode: Episode, what: str, decision: int) -> NoReturn:
        self._give_up(episode, f"goes otherwise with the new wrappers, in decision {decision} {what}")

    def _give_up(self, episode: Episode, what: str) -> NoReturn:
        raise ConfigurationError(
            f"episode {episode.number} of {self._recording.run_dir} {what}: choose the environment and wrappers that "
            "it was recorded with, or record anew"
        )


def _same(observation: Any) -> Any:
    return observation


def _changes_rewards(env: StructuredEnv) -> bool:
    """Whether a wrapper gives other rewards than the environment."""
    while isinstance(env, StructuredWrapper):
        if isinstance(env, RewardWrapper):
            return True
        env = env.env
    inner: Any = getattr(env, "env", None)
    while isinstance(inner, gymnasium.Wrapper):
        if isinstance(inner, gymnasium.RewardWrapper):
            return True
        inner = inner.env
    return False
