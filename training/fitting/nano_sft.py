"""Updates of the embedded model by supervised rows: the trainer of its cold start, begun from weights that are there.

`sft` learns the traces of a version, each true to its cards: those of plans found in hindsight where people said no more than an order.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.ranking.errors import InputError, SettingsError
from app.ranking.models.nano.cards import Plan, read_plan
from app.ranking.models.nano.vocabulary import save_tokenizer
from training.config import Sft
from training.datasets.rendering import Rendering, rows
from training.sft import make_trainer

from .curves import Curves
from .nano_plans import believed, best, listed, means_of, scores
from .nano_rows import TEMPLATE, TOO_LONG, Row, Style, batches, cards_in, fits, shuffled, trace_row, update_stage
from .values import Fit, Fitted, Point

if TYPE_CHECKING:
    from transformers import Qwen3ForCausalLM

# Share of the peak rate at which a schedule ends; the trainer's cosine with a floor of 1 is a constant.
_FLOORS = {"cosine": 0.0, "constant": 1.0, "constant_with_warmup": 1.0}
_POINTS = 10  # of a curve, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """One run of the trainer: `steps` batches of `batch` rows at peak `rate`, a `warmup` share of them rising; `more` adds to points."""

    stage: str
    steps: int
    batch: int
    rate: float
    warmup: float
    schedule: str
    weight_decay: float
    more: Callable[[], Mapping[str, float]] = dict


def sft(fit: Fit) -> Fitted:
    """Learn the traces of the version's stage `sft`. Raises InputError without a usable row, Cancelled."""
    began = time.perf_counter()
    how = _wanted(fit)
    style = Style.of(fit.recipe.start, how.plan_weight)
    found, refused = taught_rows(fit, replace(style, max_length=min(style.max_length, how.max_length)))
    batch = how.batch * how.accumulation
    steps = how.steps or max(1, math.ceil(how.epochs * len(found) / batch))
    rng = random.Random(f"sft {fit.seed}")
    made = batches(shuffled(found, rng), steps, batch, how.replay, rng, style)
    tuning = Tuning(
        stage="sft", steps=steps, batch=batch + how.replay, rate=how.rate, warmup=how.warmup, schedule=how.schedule,
        weight_decay=how.weight_decay,
    )  # fmt: skip
    model = load(fit)
    tune(fit, model, made, tuning)
    save(model, fit.out)
    return Fitted(rows=len(found), refused=refused, steps=steps, seconds=time.perf_counter() - began)


def _wanted(fit: Fit) -> Sft:
    if fit.recipe.sft is None:
        raise SettingsError(f"recipe {fit.recipe.name!r} has no [sft]: leave the step out, or take a recipe that has it")
    return fit.recipe.sft


def taught_rows(fit: Fit, style: Style) -> tuple[list[Row], dict[str, int]]:
    """Rows of the stage `sft` and how many examples were left out, by reason. Raises InputError where none is left."""
    rendering, better = Rendering(), _better(fit)
    made: list[Row] = []
    for row in rows(fit.version, TEMPLATE, "sft", rendering):
        prompt, said = row["prompt"][0]["content"], row["completion"][0]["content"]
        plan = read_plan(said)
        if plan is None or not fits(prompt, len(cards_in(prompt)), style):
            rendering.refused.add(TOO_LONG, row["id"])
            continue
        made.append(trace_row(prompt, better.get(row["id"], plan[0]), style))
    refused = {reason: len(ids) for reason, ids in rendering.refused.by_reason.items()}
    if not made:
        told = ", ".join(f"{count} {reason}" for reason, count in refused.items()) or "it holds none"
        raise InputError(f"no example of the stage 'sft' can be learned from ({told}): give a version with judged lists")
    return made, refused


def _better(fit: Fit) -> dict[str, Plan]:
    """By example the plan to be taught in place of the list's own best one, where the recipe does not take lists at their word."""
    own = _wanted(fit).own
    if own >= 1.0:
        return {}
    shared = means_of(fit.version)
    found = {one["id"]: listed(one) for one in fit.version.examples("sft")}
    return {name: best(believed(scores(*one), shared, own)) for name, one in found.items() if one is not None}


def load(fit: Fit) -> Qwen3ForCausalLM:
    """The weights to start from, in float32, with everything seeded."""
    import torch
    import transformers
    from transformers import Qwen3ForCausalLM

    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(fit.recipe.start.threads)
    transformers.set_seed(fit.seed)
    return Qwen3ForCausalLM.from_pretrained(fit.base, dtype=torch.float32)


def save(model: Qwen3ForCausalLM, out: Path) -> None:
    """Weights and tokenizer, readable by everybody."""
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    save_tokenizer(out)
    for file in out.iterdir():
        file.chmod(0o644)


def tune(fit: Fit, model: Qwen3ForCausalLM, made: Sequence[Row], tuning: Tuning) -> None:
    """Train `model` in place on rows in their order. Raises Cancelled, SettingsError for a schedule that this trainer has not."""
    if tuning.schedule not in _FLOORS:
        raise SettingsError(f"schedule {tuning.schedule!r} is none of the embedded model's: use {', '.join(_FLOORS)}")
    cold = fit.recipe.start
    stage = update_stage(
        tuning.stage, Style.of(cold), batch=tuning.batch, steps=tuning.steps, rate=tuning.rate,
        floor=_FLOORS[tuning.schedule], warmup=int(tuning.warmup * tuning.steps),
    )  # fmt: skip
    recipe = replace(fit.recipe, cold=replace(cold, stages=(stage,), weight_decay=tuning.weight_decay))
    trainer = make_trainer(model, made, recipe, 0, fit.seed)
    trainer.args.logging_steps = max(1, tuning.steps // _POINTS)
    hush(trainer)
    trainer.add_callback(_followed(fit, tuning))
    trainer.train()


def hush(trainer: Any) -> None:
    """Points go to the curves, not to the terminal of whoever trains."""
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)


def _followed(fit: Fit, tuning: Tuning) -> Any:
    """A callback that tells points and asks whether to go on."""
    from transformers import TrainerCallback

    curves = Curves(fit.out / "curves.jsonl", fit.point)

    class Followed(TrainerCallback):  # type: ignore[misc]
        """Tells the watch each step, and the curves each log."""

        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            fit.watch.tell(state.global_step / tuning.steps)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
            if logs and "loss" in logs:
                values = {"loss": float(logs["loss"]), "rate": float(logs["learning_rate"]), **tuning.more()}
                curves(Point(stage=tuning.stage, step=state.global_step, steps=tuning.steps, values=values))

    return Followed()
