r"""How long PPO takes to solve CartPole-v1, beside Stable-Baselines3's: wall time to a mean evaluation return of 475.

    python benchmarks/training.py --seeds 1 2 3

Every run has a fresh process, and both contenders take turns. Clocks start when everything is imported. Both have
hyper-parameters for this environment: Stable-Baselines3 those of its zoo, ours two that are not the defaults, as in

    maze-run -cn conf_train env.name=CartPole-v1 algorithm.decisions_per_iteration=1024 algorithm.learning_rate=0.001 \
        runner.n_processes=1 runner.tensorboard=false runner.stop_at_return=475

Both play in one process and write nothing for TensorBoard. Our evaluations count; those of Stable-Baselines3 do not,
only what it learns in between. Both evaluate by 20 episodes without chance.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from argparse import ArgumentParser
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

ENV, THRESHOLD, EPISODES = "CartPole-v1", 475.0, 20
CONTENDERS = ("maze", "stable-baselines3")


def solve_with_maze(seed: int) -> dict[str, Any]:
    """Our PPO, which learns faster here from fewer decisions at a time than by default."""
    from maze.train.algorithms.ppo import PPO
    from maze.train.training_runner import TrainingRunner

    runner = TrainingRunner(n_processes=1, tensorboard=False, stop_at_return=THRESHOLD, n_eval_episodes=EPISODES)
    seeding = {"env_base_seed": seed, "agent_base_seed": seed}
    algorithm = PPO(decisions_per_iteration=1024, learning_rate=1e-3)
    with TemporaryDirectory() as folder:
        began = perf_counter()
        result = runner.run_with(ENV, algorithm=algorithm, seeding=seeding, run_dir=Path(folder, "run"))
        seconds = perf_counter() - began
    return {"seconds": seconds, "steps": result.n_decisions, "return": result.last_return}


def solve_with_stable_baselines3(seed: int) -> dict[str, Any]:
    """PPO of Stable-Baselines3 with the hyper-parameters of RL Baselines3 Zoo."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    class Evaluation(BaseCallback):
        """Evaluates every 5,000 steps, and stops the clock meanwhile."""

        evaluating, score, due = 0.0, 0.0, 5_000

        def _on_step(self) -> bool:
            if self.num_timesteps < self.due:
                return True
            self.due += 5_000
            began = perf_counter()
            self.score = float(evaluate_policy(self.model, evaluated, EPISODES)[0])  # type: ignore[arg-type]
            self.evaluating += perf_counter() - began
            return self.score < THRESHOLD

    began = perf_counter()
    env, evaluated = make_vec_env(ENV, 8, seed=seed), make_vec_env(ENV, 1, seed=seed + 1000)
    settings: dict[str, Any] = {"n_steps": 32, "batch_size": 256, "gae_lambda": 0.8, "gamma": 0.98, "n_epochs": 20}
    model = PPO(
        "MlpPolicy",
        env,
        ent_coef=0.0,
        learning_rate=lambda left: 0.001 * left,
        clip_range=lambda left: 0.2 * left,
        seed=seed,
        device="cpu",
        **settings,
    )
    evaluation = Evaluation()
    model.learn(100_000, callback=evaluation)
    seconds = perf_counter() - began - evaluation.evaluating
    return {"seconds": seconds, "steps": model.num_timesteps, "return": evaluation.score}


def main() -> None:
    """Run both with each seed, or, in a process of its own, one of them with one seed."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", choices=CONTENDERS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.only:
        solve = solve_with_maze if arguments.only == "maze" else solve_with_stable_baselines3
        print(json.dumps(solve(arguments.seeds[0])))
        return
    ratios = []
    for seed in arguments.seeds:
        seconds = {}
        for contender in CONTENDERS if seed % 2 else CONTENDERS[::-1]:
            command = [sys.executable, __file__, "--only", contender, "--seeds", str(seed)]
            finished = subprocess.run(command, capture_output=True, text=True, check=True)
            measured = json.loads(finished.stdout.splitlines()[-1])
            seconds[contender] = measured["seconds"]
            print(
                f"seed {seed}: {contender} took {measured['seconds']:.1f} s and {measured['steps']:,} steps to a mean "
                f"return of {measured['return']:.1f}",
                flush=True,
            )
        ratios.append(seconds["maze"] / seconds["stable-baselines3"])
    print(f"ratio of wall times: median {median(ratios):.2f}, {min(ratios):.2f} – {max(ratios):.2f}")


if __name__ == "__main__":
    main()
