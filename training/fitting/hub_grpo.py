"""GRPO of a hub model with a listwise reward: a thin layer over `trl.GRPOTrainer`, whose defaults are another algorithm (DAPO without KL).

A step of the recipe is a rollout: `prompts` times `group` answers. The trainer counts changes of the weights, of which a rollout makes
`prompts / minibatch`. Checkpoints fall between rollouts, so that a resumed step draws the same answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.ranking.errors import SettingsError
from training.config import Rl

from . import checkpoints, hub_run
from .completions import Completions
from .curves import Curves
from .hub_rows import opens_thinking, rl_rows
from .rewarding import EXTRA, Scored, reward_of
from .values import Fit, Fitted

VLLM_SHARE = 0.3
"""Share of a GPU that vLLM may take for its weights and cache while it draws."""


def rl(fit: Fit) -> Fitted:
    """Train and write the weights. Raises SettingsError without [rl], InputError with too few prompts, Cancelled."""
    how = fit.recipe.rl
    if how is None:
        raise SettingsError(f"recipe {fit.recipe.name!r} has no [rl]: leave the step out, or take a recipe that has it")
    hub_run.quiet()
    words = hub_run.tokenizer(fit)
    words.padding_side = "left"
    found = rl_rows(fit.recipe, fit.version, words)
    resumed = hub_run.begin(fit, "rl")
    trainer = _trainer(fit, how, found.rows, words, resumed)
    seconds = hub_run.run(trainer, fit, how, resumed)
    return hub_run.told(found, trainer, resumed, seconds)


def changes(how: Rl) -> int:
    """Changes of the weights per rollout."""
    return how.prompts // (how.minibatch or how.prompts)


def grpo_config(fit: Fit, how: Rl) -> Any:
    """The arguments of the trainer, shared out over the processes that were started.

    Raises SettingsError where the answers of a minibatch can't be shared out evenly.
    """
    from trl import GRPOConfig

    answers = (how.minibatch or how.prompts) * how.group
    each = how.micro * hub_run.processes()
    if answers % each:
        raise SettingsError(
            f"a minibatch has {answers} answers and {each} are learned from at once on all devices: choose a [rl] micro that divides them"
        )
    per_rollout = changes(how)
    return GRPOConfig(
        **hub_run.common(fit, how),
        max_steps=how.steps * per_rollout,
        per_device_train_batch_size=how.micro,
        gradient_accumulation_steps=answers // each,
        generation_batch_size=how.prompts * how.group,
        num_generations=how.group,
        num_iterations=1,
        max_completion_length=how.max_completion,
        max_grad_norm=how.max_grad_norm,
        beta=how.kl,
        epsilon=how.clip,
        epsilon_high=how.clip,
        loss_type=how.loss,
        scale_rewards=how.scale,
        importance_sampling_level="token",
        mask_truncated_completions=False,
        temperature=how.temperature,
        top_p=how.top_p,
        top_k=how.top_k,
        min_p=None,
        repetition_penalty=1.0,
        remove_unused_columns=False,
        shuffle_dataset=True,
        disable_dropout=False,
        log_completions=False,
        save_strategy="steps",
        save_steps=(how.checkpoint_every or how.steps) * per_rollout,
        **_vllm(how),
    )


def _vllm(how: Rl) -> dict[str, Any]:
    """Answers drawn by vLLM in the trainers' own processes (GPU hosts only), each as long as prompt and completion may be."""
    if not how.vllm:
        return {"use_vllm": False}
    # The engine's probabilities differ a little from the trainer's; the ratio between both is corrected for, and cut at 2.
    return {
        "use_vllm": True, "vllm_mode": "colocate", "vllm_tensor_parallel_size": how.tensor_parallel, "vllm_enable_sleep_mode": True,
        "vllm_gpu_memory_utilization": VLLM_SHARE, "vllm_max_model_length": how.max_prompt + how.max_completion,
        "vllm_importance_sampling_correction": True, "vllm_importance_sampling_mode": "token_truncate",
        "vllm_importance_sampling_clip_max": 2.0,
    }  # fmt: skip


def _trainer(fit: Fit, how: Rl, rows: list[dict[str, Any]], words: Any, resumed: Path | None) -> Any:
    from datasets import Dataset
    from trl import GRPOTrainer

    done = checkpoints.step_of(resumed)
    scored = Scored(reward_of(how.reward, how.without), opened=opens_thinking(words))
    curves = Curves(fit.scratch / hub_run.CURVES, fit.point, done)
    trainer = GRPOTrainer(
        model=hub_run.source(fit), reward_funcs=[scored], args=grpo_config(fit, how), train_dataset=Dataset.from_list(rows),
        processing_class=words, peft_config=hub_run.adapters(how.lora),
    )  # fmt: skip
    answers = _keeper(trainer, scored, Completions(fit.scratch / hub_run.COMPLETIONS, done))
    trainer.add_callback(hub_run.followed(fit, "rl", curves, answers))
    return trainer


def _keeper(trainer: Any, scored: Scored, completions: Completions) -> Callable[[int], None]:
    """Keeps the answers of each rollout with the advantages that the trainer made of them, once.

    `trainer._logs` is what its option `log_completions` shows; the option itself would print every answer to the terminal.
    """
    kept = 0

    def more(step: int) -> None:
        nonlocal kept
        if scored.rollouts == kept:
            return
        kept = scored.rollouts
        logs = trainer._logs
        given = (
            logs["prompt"],
            logs["completion"],
            logs["rewards"]["reward"],
            logs["advantages"],
            *(logs["extra"][name] for name in EXTRA),
        )
        for prompt, answer, total, advantage, parts, outcome, example in zip(*given, strict=True):
            completions(
                step=step, prompt=prompt[-1]["content"], completion=answer[0]["content"], reward=total, parts=json.loads(parts),
                advantage=advantage, outcome=outcome, example=example,
            )  # fmt: skip

    return more
