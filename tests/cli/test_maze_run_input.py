"""Wrong input: one line that names what was meant, exit code 2, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from maze.cli.maze_run import main

WRONG = {
    "policy=randm_policy": "there is no policy 'randm_policy': did you mean 'random_policy'?",
    "runner=sequental": "there is no runner 'sequental': did you mean 'sequential'?",
    "polcy=random_policy": "there is no key 'polcy': did you mean policy=random_policy?",
    "model=mlp": (
        "there is no model 'mlp': there is flatten_concat, pixel_obs, tutorial_cutting_2d_struct_masked and vector_obs"
    ),
    "runner.n_episode=5": "there is no key 'runner.n_episode': did you mean runner.n_episodes=5?",
    "runner.max_steps=5": "there is no key 'runner.max_steps': did you mean runner.max_episode_steps=5?",
    "rnner.n_episodes=5": "there is no key 'rnner.n_episodes': did you mean runner.n_episodes=5?",
    "n_episodes=5": "there is no key 'n_episodes': did you mean runner.n_episodes=5?",
    "+runner.n_episode=5": "there is no key 'runner.n_episode': did you mean 'runner.n_episodes'?",
    "env.nme=CartPole-v1": "there is no key 'env.nme': did you mean env.name=CartPole-v1?",
    "runner.n_episodes=ten": "runner.n_episodes=ten: it must be a whole number",
    "runner.n_episodes=1.5": "runner.n_episodes=1.5: it must be a whole number",
    "runner.record_trajectory=1": "runner.record_trajectory=1: it must be true or false",
    "runner.episodes=3": "runner.episodes=3: it must be a list of whole numbers, such as [1,2] or null",
    "runner.n_processes=0": "n_processes=0: give a number of at least 1",
    "runner.n_episodes=-3": "n_episodes=-3: give a number of at least 1",
    "seeding.env_base_seed=x": "seeding.env_base_seed=x: it must be a whole number or null",
    "tensorboard=maybe": "tensorboard=maybe: it must be true or false",
    "env.name=CartPol-v1": "there is no environment 'CartPol-v1': did you mean 'CartPole-v1'?",
    "env.name=a=b": "cannot read 'env.name=a=b': put the value in quotes, as in 'env.name=\"a=b\"'",
    "env.name=${nme}": "env.name cannot be filled in: Interpolation key 'nme' not found",
    "env.name=???": "env.name has no value yet: add env.name=VALUE",
    "env.kwargs=5": "env.kwargs=5: it must be a mapping of names to values or null",
    "runner.n_episodes=1,2": (
        "runner.n_episodes has the values 1,2: add --multirun to run each, or write runner.n_episodes=[1,2] for a list"
    ),
    "wrappers.clip._target_=gymnasium.wrappers.ClipRewrd": (
        "there is no 'ClipRewrd' in gymnasium.wrappers: did you mean 'ClipReward'?"
    ),
    "policy=lunar_lander_heuristics": (
        "lunar_lander_heuristics knows LunarLander only, not CartPoleEnv: "
        "choose env.name=LunarLander-v3 or another policy"
    ),
    "input_dir=nowhere": "input_dir=nowhere: there is no such directory",
    "input_dir=.": "input_dir=. is no run directory: it has no .hydra/config.yaml",
    "resume=nowhere": "resume=nowhere: there is no such directory",
    "foo": "'foo' is neither group=choice nor key=value: see maze-run --help",
    "--mutirun": "there is no option --mutirun: did you mean --multirun?",
    "-cn=conf_rolout": "there is no configuration 'conf_rolout': did you mean 'conf_rollout'?",
    "--config-dir=nowhere": "there is no folder nowhere: -cd names one with files such as policy/mine.yaml",
}


@pytest.mark.parametrize(("typed", "line"), WRONG.items(), ids=list(WRONG))
def test_wrong_input_gets_one_line(here: Path, capsys: pytest.CaptureFixture[str], typed: str, line: str) -> None:
    assert main([typed]) == 2
    output = capsys.readouterr()
    # How the runners put it.
    errors = output.err.replace("give a whole number of", "give a number of")
    assert (errors, output.out) == (f"maze-run: {line}\n", "")
    assert list(here.iterdir()) == []


def test_a_key_of_another_choice_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runner=sequential", "runner.n_processes=3"]) == 2
    line = "maze-run: runner.n_processes belongs to runner=parallel: add that, or leave runner.n_processes out\n"
    assert capsys.readouterr().err == line


def test_a_wrong_choice_in_a_multirun_runs_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy=random_policy,randm_policy", "--multirun"]) == 2
    assert capsys.readouterr().err == "maze-run: there is no policy 'randm_policy': did you mean 'random_policy'?\n"
    assert list(here.rglob("run.json")) == []


def test_a_directory_that_cannot_be_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "file").touch()
    assert main(["hydra.run.dir=file/run"]) == 2
    assert capsys.readouterr().err == (
        f"maze-run: {here}/file/run cannot be written, for {here}/file is a file: set hydra.run.dir\n"
    )


def test_a_directory_that_holds_a_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "run").mkdir()
    (here / "run" / "run.json").write_text("{}", encoding="utf-8")
    assert main(["hydra.run.dir=run"]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert [path.name for path in (here / "run").iterdir()] == ["run.json"]


def test_the_traceback_is_there_on_demand(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ValueError, match="did you mean 'random_policy'"):
        main(["policy=randm_policy"])
