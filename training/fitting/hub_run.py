"""What both stages of a hub model share: where the weights come from, how a trainer is followed, resumed and turned into whole weights."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from app.ranking.errors import InputError
from training.config import Lora, Rl, Sft

from . import checkpoints
from .curves import Curves
from .hub_rows import Rows
from .values import Fit, Fitted, Point
from .weights import weights_id

CURVES, COMPLETIONS = "curves.jsonl", "completions.jsonl"
_LAST = "last"  # in the scratch folder: what the trainer held at its end
_PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate")
# The trainer's name of a value -> ours; names that begin with "reward." are taken as they are.
_LOGGED = {
    "loss": "loss", "learning_rate": "rate", "grad_norm": "norm", "mean_token_accuracy": "accuracy", "reward": "reward",
    "reward_std": "reward_std", "kl": "kl", "entropy": "entropy", "completions/mean_length": "length", "completions/clipped_ratio": "cut",
    "frac_reward_zero_std": "alike", "clean": "clean",
}  # fmt: skip


def source(fit: Fit) -> str:
    """The folder of the weights to start from, or the model's name at the hub where the recipe's own model is asked for."""
    if fit.base.is_dir():
        return str(fit.base)
    if str(fit.base) == fit.recipe.model:
        return fit.recipe.model
    raise InputError(f"there is no folder {fit.base.name!r} with weights to start from: give one, or the recipe's own model")


def quiet() -> None:
    """No progress bars of the libraries: the watch tells how far the work is."""
    import datasets
    from transformers.utils import logging

    datasets.disable_progress_bars()
    logging.disable_progress_bar()


def tokenizer(fit: Fit) -> Any:
    """The base model's tokenizer. Raises InputError where it can't be loaded or has no chat template."""
    from transformers import AutoTokenizer

    try:
        words = AutoTokenizer.from_pretrained(source(fit))
    except (OSError, ValueError) as error:
        raise InputError(
            f"the tokenizer of {fit.recipe.model!r} can't be loaded ({type(error).__name__}): fetch the model first"
        ) from error
    if not words.chat_template:
        raise InputError(f"the tokenizer of {fit.recipe.model!r} has no chat template: take the instruct model, not the base model")
    return words


def common(fit: Fit, how: Sft | Rl) -> dict[str, Any]:
    """Arguments that both trainers take, all set: their own defaults have moved between releases."""
    import torch

    gpu = torch.cuda.is_available()
    return {
        "output_dir": str(fit.scratch),
        "seed": fit.seed,
        "data_seed": fit.seed,
        "learning_rate": how.rate,
        "lr_scheduler_type": how.schedule,
        "warmup_steps": how.warmup,
        "weight_decay": how.weight_decay,
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "bf16": how.precision == "bf16",
        "fp16": False,
        "tf32": None,
        "use_cpu": not gpu,
        "gradient_checkpointing": gpu,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if gpu else None,
        "model_init_kwargs": {"dtype": dtype(how), "device_map": None},
        "save_total_limit": 2,
        "save_only_model": False,
        "eval_strategy": "no",
        "report_to": "none",
        "logging_steps": 1,
        "logging_first_step": False,
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "push_to_hub": False,
    }


def dtype(how: Sft | Rl) -> str:
    """In which the base is held: whole weights learn in float32 (steps of 1e-6 vanish in bf16), frozen ones can stay in bf16."""
    return "bfloat16" if how.precision == "bf16" and how.lora is not None else "float32"


def adapters(lora: Lora | None) -> Any:
    """The configuration of adapters on all linear layers but the head; None for none. Raises InputError where peft is missing."""
    if lora is None:
        return None
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise InputError("the recipe trains adapters, which needs the package peft: install requirements.txt") from error
    return LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules="all-linear", bias="none", task_type="CAUSAL_LM"
    )


def begin(fit: Fit, stage: str) -> Path | None:
    """Make the scratch folder this fit's own and give the checkpoint to go on from; None for the start."""
    base = weights_id(fit.base) if fit.base.is_dir() else str(fit.base)
    named = json.dumps([stage, fit.recipe.text, base, fit.version.id, fit.seed])
    if leads():
        checkpoints.claim(fit.scratch, hashlib.sha256(named.encode()).hexdigest())
        checkpoints.sweep(fit.scratch)
    together()
    return checkpoints.newest(fit.scratch)


def followed(fit: Fit, stage: str, curves: Curves, more: Callable[[int], None] | None = None) -> Any:
    """A callback that asks after each step whether to go on, and puts what is logged on the curves; `more(step)` hears each log."""
    from transformers import TrainerCallback

    class Followed(TrainerCallback):  # type: ignore[misc]
        """See `followed`."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            fit.watch.tell(state.global_step / max(1, state.max_steps))

        def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
            if not state.is_world_process_zero or not logs or "loss" not in logs:
                return
            values = {ours: float(logs[theirs]) for theirs, ours in _LOGGED.items() if logs.get(theirs) is not None}
            values |= {name: float(value) for name, value in logs.items() if name.startswith("reward.") and value is not None}
            curves(Point(stage=stage, step=state.global_step, steps=state.max_steps, values=values))
            if more is not None:
                more(state.global_step)

    return Followed()


def run(trainer: Any, fit: Fit, how: Sft | Rl, resumed: Path | None) -> float:
    """Train, and write whole weights, tokenizer and curves into `fit.out`; the seconds it took."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)  # the curves say the same
    began = time.perf_counter()
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    # Whatever shards weights, all processes have to take part in gathering them.
    trainer.save_model(str(fit.scratch / _LAST))
    if leads():
        write_whole(fit, how)
        trainer.processing_class.save_pretrained(fit.out)
        for name in (CURVES, COMPLETIONS):
            if (fit.scratch / name).is_file():
                shutil.copyfile(fit.scratch / name, fit.out / name)
        for path in fit.out.iterdir():
            path.chmod(0o644)
    together()
    return time.perf_counter() - began


def write_whole(fit: Fit, how: Sft | Rl) -> None:
    """The trainer's last weights as safetensors in the recipe's precision, adapters merged into the base."""
    import torch
    from transformers import AutoModelForCausalLM

    wanted = torch.bfloat16 if how.precision == "bf16" else torch.float32
    last = fit.scratch / _LAST
    if how.lora is None:
        model = AutoModelForCausalLM.from_pretrained(last, dtype=wanted)
    else:
        from peft import PeftModel

        model = AutoModelForCausalLM.from_pretrained(source(fit), dtype=wanted)
        model = PeftModel.from_pretrained(model, last).merge_and_unload()
    fit.out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(fit.out)
    shutil.rmtree(last)


def told(found: Rows, trainer: Any, resumed: Path | None, seconds: float) -> Fitted:
    """What a stage did. Facts: the tokens of the longest row, trainable parameters, processes, the step resumed from, package versions."""
    learned = sum(one.numel() for one in trainer.model.parameters() if one.requires_grad)
    facts = {
        "longest": found.longest, "trained_parameters": learned, "processes": trainer.args.world_size,
        "resumed_from": checkpoints.step_of(resumed), "versions": _versions(),
    }  # fmt: skip
    return Fitted(rows=len(found.rows), refused=found.refused, steps=trainer.state.global_step, seconds=seconds, facts=facts)


def leads() -> bool:
    """Whether this process writes files: the first of those that train together."""
    return int(os.environ.get("RANK", "0")) == 0


def processes() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def together() -> None:
    """Wait until all processes that train together are here."""
    if processes() == 1:
        return
    import torch
    from accelerate import PartialState

    PartialState(cpu=not torch.cuda.is_available()).wait_for_everyone()


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
