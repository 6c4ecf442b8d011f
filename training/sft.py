"""The cold start of the embedded model: one pass of `trl.SFTTrainer` per stage of the recipe's curriculum.

The one subclass changes the loss alone: token weights and soft targets come as columns of the data (see `nano_data.row`), so that a new
recipe needs new rows and no second trainer. Everything is seeded; two runs of one recipe on one machine give the same weights.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.ranking.errors import InputError
from app.ranking.models.nano.vocabulary import IDS, PAD, save_tokenizer

from . import nano_data
from .card import write_card
from .config import Recipe
from .nano_model import new_model
from .validate import figures

if TYPE_CHECKING:
    import torch
    from transformers import Qwen3ForCausalLM

_log = logging.getLogger(__name__)


def collate(rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """A batch of B rows as tensors: input_ids, attention_mask and weights (B, T), padded on the right; soft (K, 3) as row, position and
    token of each soft target, and soft_shares (K,).
    """
    import torch

    length = max(len(row["input_ids"]) for row in rows)
    ids = torch.full((len(rows), length), IDS[PAD])
    mask, weights = torch.zeros_like(ids), torch.zeros(len(rows), length)
    soft: list[tuple[int, int, int]] = []
    shares: list[float] = []
    for number, row in enumerate(rows):
        size = len(row["input_ids"])
        ids[number, :size] = torch.as_tensor(row["input_ids"])
        mask[number, :size] = 1
        weights[number, :size] = torch.as_tensor(row["weights"])
        soft += [(number, at, token) for at, token in zip(row["soft_at"], row["soft_ids"], strict=True)]
        shares += row["soft_shares"]
    where = torch.as_tensor(soft, dtype=torch.long).reshape(-1, 3)
    return {"input_ids": ids, "attention_mask": mask, "weights": weights, "soft": where, "soft_shares": torch.as_tensor(shares)}


def weighted_loss(logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Mean over token weights of the cross-entropy against each token, or against its soft target where it has one.

    `logits` is (B, T, V) and predicts the following position: target position t is scored by logits[:, t - 1].
    """
    import torch

    ids, weights = batch["input_ids"], batch["weights"]
    scores = torch.log_softmax(logits[:, :-1].float(), dim=-1)
    hard = scores.gather(-1, ids[:, 1:, None]).squeeze(-1)
    row, at, token = batch["soft"].unbind(-1)
    softened = torch.zeros_like(weights, dtype=torch.bool)
    softened[row, at] = True
    total = (hard * weights[:, 1:]).masked_fill(softened[:, 1:], 0.0).sum()
    total = total + (scores[row, at - 1, token] * batch["soft_shares"] * weights[row, at]).sum()
    return -total / weights[:, 1:].sum().clamp(min=1e-6)


def make_trainer(model: Qwen3ForCausalLM, rows: Sequence[Mapping[str, Any]], recipe: Recipe, index: int, seed: int) -> Any:
    """The SFTTrainer of one stage. Raises InputError for a row over the recipe's limit: nothing is ever cut."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    cold = recipe.start
    stage = cold.stages[index]
    longest = max(len(row["input_ids"]) for row in rows)
    if longest > cold.max_length:
        raise InputError(f"a row of stage {stage.name!r} has {longest} tokens, the recipe allows {cold.max_length}: raise max_length")

    class TraceTrainer(SFTTrainer):  # type: ignore[misc]
        """SFTTrainer with weights and soft targets from the data."""

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
            outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)
            loss = weighted_loss(outputs.logits, inputs)
            return (loss, outputs) if return_outputs else loss

    arguments = SFTConfig(
        output_dir="unused",
        max_steps=stage.steps,
        per_device_train_batch_size=stage.batch,
        train_sampling_strategy="sequential",
        learning_rate=stage.rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": stage.floor},
        warmup_steps=stage.warmup,
        weight_decay=cold.weight_decay,
        adam_beta1=cold.betas[0],
        adam_beta2=cold.betas[1],
        max_grad_norm=1.0,
        max_length=cold.max_length,
        seed=seed,
        data_seed=seed,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        save_strategy="no",
        report_to="none",
        logging_steps=50,
        disable_tqdm=True,
    )
    data = Dataset.from_list(list(rows))
    return TraceTrainer(model=model, args=arguments, train_dataset=data, data_collator=collate, processing_class=_tokenizer())


def _tokenizer() -> Any:
    """The embedded model's own tokenizer, built in a folder that is gone afterwards."""
    import tempfile

    from transformers import PreTrainedTokenizerFast

    with tempfile.TemporaryDirectory() as folder:
        save_tokenizer(Path(folder))
        return PreTrainedTokenizerFast.from_pretrained(folder)


def train(recipe: Recipe, seed: int, out: Path) -> dict[str, Any]:
    """Train the recipe's cold start with `seed`, write weights, tokenizer and training.json into `out`, return what training.json holds."""
    import torch
    import transformers

    cold = recipe.start
    torch.set_num_threads(cold.threads)
    transformers.set_seed(seed)
    began = time.perf_counter()
    model = new_model(cold.shape, seed)
    report: list[dict[str, Any]] = []
    saved: dict[str, Any] = {}
    for index, stage in enumerate(cold.stages):
        start, cpu = time.perf_counter(), time.process_time()
        trainer = make_trainer(model, list(nano_data.stage_rows(recipe, index, seed)), recipe, index, seed)
        trainer.train()
        losses = [round(entry["loss"], 4) for entry in trainer.state.log_history if "loss" in entry]
        report.append(
            {
                "stage": stage.name,
                "steps": stage.steps,
                "seconds": round(time.perf_counter() - start, 1),
                "cpu_seconds": round(time.process_time() - cpu, 1),
                "losses": losses,
                "validation": figures(model, stage, cold.validate, seed),
            }
        )
        _log.info("stage %s: %.1f s, %s", stage.name, report[-1]["seconds"], report[-1]["validation"])
        # Saved after every stage, so that a run that is cut off leaves its last whole stage behind.
        saved = _save(model, recipe, out, {"seed": seed, "seconds": round(time.perf_counter() - began, 1), "stages": report})
    return saved


def _save(model: Qwen3ForCausalLM, recipe: Recipe, out: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    save_tokenizer(out)
    for file in out.iterdir():
        file.chmod(0o644)
    report = {"recipe": {"name": recipe.name, "seed": recipe.seed, **asdict(recipe.start)}, **facts}
    (out / "training.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    write_card(out, report, model.num_parameters())
    return report
