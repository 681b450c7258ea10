from __future__ import annotations

from pathlib import Path
from typing import Any

from maze.cli.policy_model import with_model

TORCH = {"_target_": "maze.train.torch_policy.TorchPolicy", "_recursive_": False, "n_envs": 4}
MODEL = {"_target_": "maze.train.models.flatten_concat.FlattenConcat"}


def test_neural_policies_get_model_and_weights_wherever_they_are() -> None:
    random = {"_target_": "maze.core.agent.random_policy.RandomPolicy"}
    mapping = {"_target_": "maze.core.agent.default_policy.DefaultPolicy", "mapping": {"0": TORCH, "1": random}}
    filled: Any = with_model({"policy": mapping, "model": MODEL, "input_dir": "trained", "trusted": ["mine"]})
    assert filled["policy"]["mapping"]["1"] == random
    assert filled["policy"]["mapping"]["0"] == {
        **TORCH,
        "model": MODEL,
        "input_dir": str(Path("trained").absolute()),
        "trusted": ["mine"],
    }


def test_policies_without_a_model_are_told_where_files_may_be() -> None:
    onnx = {"_target_": "maze.interop.onnx_policy.OnnxPolicy", "path": "model.onnx"}
    filled = with_model({"policy": onnx, "model": MODEL, "input_dir": "/earlier"})
    assert filled["policy"] == {**onnx, "input_dir": "/earlier"}


def test_what_a_policy_says_itself_stays() -> None:
    own = {**TORCH, "input_dir": "/other", "model": None}
    filled: Any = with_model({"policy": own, "model": MODEL, "input_dir": "trained"})
    assert (filled["policy"]["input_dir"], filled["policy"]["model"]) == ("/other", None)
