"""Supervised fine-tuning of a hub model: prompt and completion rows, the loss on the completion alone, whole weights or adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.ranking.errors import SettingsError
from training.config import Sft

from . import checkpoints, hub_run
from .curves import Curves
from .hub_rows import sft_rows
from .values import Fit, Fitted


def sft(fit: Fit) -> Fitted:
    """Train and write the weights. Raises SettingsError without [sft], InputError without a usable row, Cancelled."""
    how = fit.recipe.sft
    if how is None:
        raise SettingsError(f"recipe {fit.recipe.name!r} has no [sft]: leave the step out, or take a recipe that has it")
    hub_run.quiet()
    words = hub_run.tokenizer(fit)
    found = sft_rows(fit.recipe, fit.version, words)
    resumed = hub_run.begin(fit, "sft")
    trainer = _trainer(fit, how, found.rows, words, resumed)
    seconds = hub_run.run(trainer, fit, how, resumed)
    return hub_run.told(found, trainer, resumed, seconds)


def sft_config(fit: Fit, how: Sft) -> Any:
    """The arguments of the trainer. `max_length` is set and reached by no row, because longer ones were refused."""
    from trl import SFTConfig

    return SFTConfig(
        **hub_run.common(fit, how),
        num_train_epochs=how.epochs,
        max_steps=how.steps or -1,
        per_device_train_batch_size=how.batch,
        gradient_accumulation_steps=how.accumulation,
        max_grad_norm=1.0,
        max_length=how.max_length,
        completion_only_loss=True,
        assistant_only_loss=False,
        packing=False,
        padding_free=False,
        loss_type="nll",
        train_sampling_strategy="random",
        save_strategy="steps" if how.checkpoint_every else "epoch",
        save_steps=how.checkpoint_every or 500,
    )


def _trainer(fit: Fit, how: Sft, rows: list[dict[str, Any]], words: Any, resumed: Path | None) -> Any:
    from datasets import Dataset
    from trl import SFTTrainer

    data = Dataset.from_list([{"prompt": row["prompt"], "completion": row["completion"]} for row in rows])
    curves = Curves(fit.scratch / hub_run.CURVES, fit.point, checkpoints.step_of(resumed))
    return SFTTrainer(
        model=hub_run.source(fit), args=sft_config(fit, how), train_dataset=data, processing_class=words,
        peft_config=hub_run.adapters(how.lora), callbacks=[hub_run.followed(fit, "sft", curves)],
    )  # fmt: skip
