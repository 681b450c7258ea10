"""The hand-written controller that gymnasium ships for LunarLander."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID
from maze.core.env.structured_env import StructuredEnv
from maze.factory import ConfigurationError


class LunarLanderHeuristics(StructuredPolicy):
    """Lands by gymnasium's own proportional-derivative heuristic (`gymnasium.envs.box2d.lunar_lander.heuristic`).

    Raises:
        ConfigurationError: If it is attached to anything but a LunarLander.
    """

    def __init__(self) -> None:
        """Remember no environment yet."""
        self._envs: dict[int, gymnasium.Env[Any, Any]] = {}
        self._heuristic: Callable[[Any, Any], Any] | None = None

    def attach(self, env: StructuredEnv, slot: int = 0) -> None:
        """Look at the environment: the heuristic asks it whether its engines are continuous."""
        from gymnasium.envs.box2d.lunar_lander import LunarLander, heuristic

        if not isinstance(env.unwrapped, LunarLander):
            raise ConfigurationError(
                f"lunar_lander_heuristics knows LunarLander only, not {type(env.unwrapped).__name__}: "
                "choose env.name=LunarLander-v3 or another policy"
            )
        self._envs[slot] = env.unwrapped
        self._heuristic = heuristic

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        """Steer towards the pad, upright and slowly."""
        if self._heuristic is None:
            raise RuntimeError("lunar_lander_heuristics needs attach(env) before it can act")
        return self._heuristic(self._envs[slot], observation)
