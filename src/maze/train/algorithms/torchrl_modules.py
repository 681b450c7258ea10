"""A model as TorchRL's losses take it: for each step key an actor and a critic that read tensors by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tensordict import TensorDict
from tensordict.nn import ProbabilisticTensorDictModule, ProbabilisticTensorDictSequential, TensorDictModule
from torch import Tensor, nn

from maze.core.env.actor_id import StepKey
from maze.train.action_distribution import ActionDistribution
from maze.train.decision_batch import KeyBatch
from maze.train.models.actor_critic import ActorCritic

LOG_PROB = "action_log_prob"


def actor_of(model: ActorCritic, key: StepKey) -> ProbabilisticTensorDictSequential:
    """What decides at a step key."""
    network = TensorDictModule(
        _OnLeaves(lambda leaves: model.action_parameters(key, leaves)),
        in_keys=_leaf_names(model, key),
        out_keys=["parameters"],
    )
    distribution = ProbabilisticTensorDictModule(
        in_keys=["parameters"],
        out_keys=["action"],
        distribution_class=ActionDistribution,
        distribution_kwargs={"layout": model.action_layouts[key]},
        return_log_prob=True,
    )
    return ProbabilisticTensorDictSequential(network, distribution)


def critic_of(model: ActorCritic, key: StepKey) -> TensorDictModule:
    """What says how good a situation is at a step key."""
    values = _OnLeaves(lambda leaves: model.values(key, leaves).unsqueeze(1))
    return TensorDictModule(values, in_keys=_leaf_names(model, key), out_keys=["state_value"])


def tensordict_of(batch: KeyBatch) -> TensorDict:
    """The decisions of a step key, with advantages of mean 0 and standard deviation 1."""
    advantages = batch.advantages
    if len(batch) > 1:
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    return TensorDict(
        {
            **{_leaf(index): leaf for index, leaf in enumerate(batch.leaves)},
            "action": batch.actions,
            LOG_PROB: batch.log_probs,
            "advantage": advantages.unsqueeze(1),
            "value_target": batch.value_targets.unsqueeze(1),
        },
        [len(batch)],
    )


class _OnLeaves(nn.Module):
    """A function of a model and of the arrays of observations, as a module; it owns nothing of the model."""

    def __init__(self, function: Callable[[Sequence[Tensor]], Tensor]) -> None:
        super().__init__()
        self._function = function

    def forward(self, *leaves: Tensor) -> Tensor:
        return self._function(leaves)


def _leaf_names(model: ActorCritic, key: StepKey) -> list[str]:
    return [_leaf(index) for index in range(len(model.observation_layouts[key].leaves))]


def _leaf(index: int) -> str:
    return f"observation_{index}"
