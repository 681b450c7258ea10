"""Lets a policy decide in one environment, and looks at everything that it answers."""

from __future__ import annotations

from typing import Any

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID
from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.probe import global_generators
from maze.testing.action_masks import check_legal
from maze.testing.conformance import ConformanceError, Moment, call
from maze.testing.sample_check import SampleCheck


class CheckedDecisions:
    """The episodes of one slot, every decision of which is checked.

    Args:
        policy: Decides; it is attached to the environment already.
        env: Passes `check_env`.
        slot: Of the policy.
    """

    def __init__(self, policy: StructuredPolicy, env: StructuredEnv, slot: int) -> None:
        """Prepare the checks of the spaces."""
        self.slot = slot
        self.moments: list[Moment] = []
        self.is_over = True
        self._policy, self._env = policy, env
        self._observation_checks = {key: SampleCheck(space) for key, space in env.observation_spaces.items()}
        self._action_checks = {key: SampleCheck(space) for key, space in env.action_spaces.items()}

    def begin(self, seed: int) -> None:
        """Begin an episode, with the same seed for environment and policy."""
        self._seed, self._n_steps, self.moments, self.is_over = seed, 0, [], False
        self.observation: Any = self._env.reset(seed=seed)[0]
        self.actor = ActorID(*self._env.actor_id())
        call("reset", f"reset({seed}, slot={self.slot})", self._policy.reset, seed, self.slot)

    def decide(self) -> None:
        """Have the next action chosen and carried out, unless the episode is over.

        A policy that wants batches is asked for batches of one, as rollouts never ask it by `act`.
        """
        if self.is_over:
            return
        frozen, before = self.frozen_observation(), global_generators()
        if self._policy.n_envs == 1:
            action = call("act", self._where, self._policy.act, self.observation, self.actor, self.slot)
        else:
            (action,) = call(
                "act_batch", self._where, self._policy.act_batch, [self.observation], [self.actor], [self.slot]
            )
        if global_generators() != before:
            raise ConformanceError(
                f"the policy used the global generators of random or numpy.random ({self._where}): "
                "draw from a generator of the slot, which reset seeds"
            )
        self.take(action, frozen, "act")

    def frozen_observation(self) -> bytes:
        """What is observed now, as bytes."""
        return self._observation_checks[self.actor.step_key].frozen(self.observation)

    def take(self, action: Any, observation_before: bytes, method: str) -> None:
        """Check an action, and carry it out.

        Raises:
            ConformanceError: If it is not in its space, not legal, or the observation was written into.
        """
        where, step_key = self._where, self.actor.step_key
        if self.frozen_observation() != observation_before:
            raise ConformanceError(f"{method} wrote into the observation ({where}): work on a copy, it is recorded")
        self._action_checks[step_key]("the action", action, where)
        check_legal(self._env, step_key, self.observation, action, where)
        contents = {"observation": observation_before, "action": self._action_checks[step_key].frozen(action)}
        self.moments.append(Moment(where, contents))
        self.observation, _, terminated, truncated, _ = self._env.step(action)
        self._env.pending_events.clear()
        self.actor = ActorID(*self._env.actor_id())
        self._n_steps += 1
        n_rounds = self._n_steps if self._env.time is None else self._env.time
        self.is_over = bool(terminated or truncated) or n_rounds == self._env.max_episode_steps

    @property
    def _where(self) -> str:
        return f"in decision {self._n_steps} after reset({self._seed}), actor {tuple(self.actor)}, slot {self.slot}"
