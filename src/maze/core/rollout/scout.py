"""What is known of a run before its first episode: spaces, slots, statistics, how the environment has to be treated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import blake2b, file_digest
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from maze.core.recording.space_json import space_to_json
from maze.core.rollout.normalization_estimate import estimate_normalization
from maze.core.rollout.policy_outputs import output_spaces
from maze.core.rollout.probe import EnvTraits, probe_env
from maze.core.rollout.rollout_job import RolloutJob


@dataclass(frozen=True)
class Scouted:
    """What one worker finds out for all of them, in a form that crosses processes."""

    traits: EnvTraits
    n_envs: int
    description: dict[str, Any]
    """For run.json."""

    normalization: dict[str, Any] | None = None
    """For normalization.json; None: there is one already, or none is needed."""


def scout(job: RolloutJob) -> Scouted:
    """Build environment and policy once, look at them, and close them again.

    Raises:
        ConfigurationError: If outputs shall be recorded of a policy that has none.
        Exception: Whatever the construction of environment or policy raises.
    """
    env = job.env()
    try:
        policy = job.policy(env)
        policy.attach(env)
        n_envs = job.n_envs or policy.n_envs
        outputs = output_spaces(policy, env.observation_spaces) if job.record_policy_outputs else {}
        description = {
            "env": {
                "name": env.spec.id if env.spec is not None else type(env.unwrapped).__name__,
                "class": f"{type(env.unwrapped).__module__}.{type(env.unwrapped).__qualname__}",
                "package": _package_version(type(env.unwrapped).__module__),
                "max_episode_steps": env.max_episode_steps,
            },
            "policy": f"{type(policy).__module__}.{type(policy).__qualname__}",
            "policy_files": [[str(file), _content_hash(file)] for file in policy.files],
            "observation_spaces": [[key, space_to_json(space)] for key, space in env.observation_spaces.items()],
            "action_spaces": [[key, space_to_json(space)] for key, space in env.action_spaces.items()],
            "action_masks": [[key, list(masks.items())] for key, masks in env.action_masks.items()],
            "policy_output_spaces": [[key, space_to_json(space)] for key, space in outputs.items()],
        }
    finally:
        job.env.close(env)
    try:
        traits = probe_env(job.env, fresh=job.traits.fresh)
    except Exception:  # noqa: BLE001 - an environment that fails now and then shall fail in its own episodes
        traits = job.traits
    normalization = estimate_normalization(job, traits)
    return Scouted(traits, 1 if traits.seed_globals else n_envs, description, normalization)


def _content_hash(file: Path) -> str:
    with file.open("rb") as content:
        return file_digest(content, partial(blake2b, digest_size=16)).hexdigest()


def _package_version(module: str) -> str | None:
    package = module.partition(".")[0]
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return None
