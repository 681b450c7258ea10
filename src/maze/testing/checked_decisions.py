"""Lets a policy decide in one environment, and looks at everything that it answers."""

from __future__ import annotations

from typing import Any

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID
from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.policy_outputs import output_spaces
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
        asks_outputs: Whether the policy is asked what led to its decisions, too.
    """

    def __init__(self, policy: StructuredPolicy, env: StructuredEnv, slot: int, *, asks_outputs: bool = False) -> None:
        """Prepare the checks of the spaces."""
        self.slot = slot
        self.moments: list[Moment] = []
        self.is_over = True
        self._policy, self._env = policy, env
        self._observation_checks = {key: SampleCheck(space) for key, space in env.observation_spaces.items()}
        self._action_checks = {key: SampleCheck(space) for key, space in env.action_spaces.items()}
        told = output_spaces(policy, env.observation_spaces) if asks_outputs else {}
        self._told: tuple[SampleCheck, Any, bytes] | None = None
        self._output_checks = {key: SampleCheck(space) for key, space in told.items()}

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
        outputs: Any = None
        if self._output_checks:
            outputs = call("outputs", self._where, self._policy.outputs, self.observation, self.actor, self.slot)
        if global_generators() != before:
            raise ConformanceError(
                f"the policy used the global generators of random or numpy.random ({self._where}): "
                "draw from a generator of the slot, which reset seeds"
            )
        self.take(action, frozen, "act", outputs)

    def frozen_observation(self) -> bytes:
        """What is observed now, as bytes."""
        return self._observation_checks[self.actor.step_key].frozen(self.observation)

    def take(self, action: Any, observation_before: bytes, method: str, outputs: Any = None) -> None:
        """Check an action and what the policy tells of it, and carry it out.

        Raises:
            ConformanceError: If something is not in its space or not legal, or the observation was written into.
        """
        where, step_key = self._where, self.actor.step_key
        if self.frozen_observation() != observation_before:
            raise ConformanceError(f"{method} wrote into the observation ({where}): work on a copy, it is recorded")
        self._action_checks[step_key]("the action", action, where)
        check_legal(self._env, step_key, self.observation, action, where)
        contents = {"observation": observation_before, "action": self._action_checks[step_key].frozen(action)}
        if step_key in self._output_checks:
            contents["answer of outputs"] = self._checked_outputs(self._output_checks[step_key], outputs, where)
        self.moments.append(Moment(where, contents))
        self.observation, _, terminated, truncated, _ = self._env.step(action)
        self._env.pending_events.clear()
        self.actor = ActorID(*self._env.actor_id())
        self._n_steps += 1
        n_rounds = self._n_steps if self._env.time is None else self._env.time
        self.is_over = bool(terminated or truncated) or n_rounds == self._env.max_episode_steps

    def _checked_outputs(self, check: SampleCheck, outputs: Any, where: str) -> bytes:
        """Check what the policy tells of a decision, and that what it told of the one before is still the same."""
        check("what outputs() gives", outputs, where)
        if self._told is not None and self._told[0].frozen(self._told[1]) != self._told[2]:
            raise ConformanceError(f"outputs() wrote into what it gave before ({where}): give new arrays each time")
        frozen = check.frozen(outputs)
        self._told = (check, outputs, frozen)
        return frozen

    @property
    def has_outputs(self) -> bool:
        """Whether the policy has something to tell."""
        return any(self._policy.output_space(step_key) for step_key in self._env.observation_spaces)

    @property
    def _where(self) -> str:
        return f"in decision {self._n_steps} after reset({self._seed}), actor {tuple(self.actor)}, slot {self.slot}"
