"""The table of runner parameters says what the configuration and the constructors say."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from omegaconf import OmegaConf
from tests.docs.doc_blocks import ROOT

from maze.factory import accepted_arguments, resolve

RUNNERS = ["parallel", "sequential", "ray"]
ROW = "| `"


def documented(runner: str) -> dict[str, Any]:
    section = (ROOT / "docs" / "rollouts.md").read_text(encoding="utf-8").split("## Configure the runner")[1]
    lines = [line for line in section.split("\n## ")[0].splitlines() if line.startswith(ROW)]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {
        key.strip("`"): OmegaConf.from_dotlist([f"value={default.strip('`')}"])["value"]
        for key, default, runners, _ in rows
        if runners == "all" or runner in runners.split(", ")
    }


def configured(runner: str) -> dict[str, Any]:
    path = ROOT / "src" / "maze" / "conf" / "runner" / f"{runner}.yaml"
    content: Any = OmegaConf.to_container(OmegaConf.load(path))
    return dict(content)


@pytest.mark.parametrize("runner", RUNNERS)
def test_it_has_every_key_with_its_default(runner: str) -> None:
    expected = configured(runner)
    del expected["_target_"]
    assert documented(runner) == expected


@pytest.mark.parametrize("runner", RUNNERS)
def test_constructors_have_the_same_defaults(runner: str) -> None:
    target: Any = resolve(configured(runner)["_target_"])
    parameters: dict[str, inspect.Parameter] = {}
    for cls in target.__mro__:
        if "__init__" in vars(cls) and cls is not object:
            parameters |= accepted_arguments(cls.__init__) or {}
    defaults = {name: p.default for name, p in parameters.items() if p.default is not inspect.Parameter.empty}
    assert documented(runner) == defaults
