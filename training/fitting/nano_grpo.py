"""GRPO on the embedded model: `trl.GRPOTrainer` with answers drawn under the grammar and one of the listwise rewards.

The trainer is TRL's; two of its seams are filled. Rollouts come from the decoder that serves the model (`rollout_func`), and probabilities
are those of the policy that drew, among the words the grammar allowed. Under that grammar an answer can't contradict its own grades, so
the view `faithful` of the reward says here what can still be wrong: how far grades and reasons are from the arithmetic of the stated plan.
"""

from __future__ import annotations

import copy
import json
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import TYPE_CHECKING, Any

from app.ranking.errors import SettingsError
from app.ranking.models.nano.cards import Digits, faithfulness
from app.ranking.models.nano.vocabulary import chat_text, encode
from app.ranking.values import Completion, Parsed, Target
from training.config import Rl
from training.rewards import Reward, Rewarded

from .completions import Answered, Completions
from .curves import Curves
from .nano_constrained import Drawing, forbidden, log_chances, network_of, roll_out
from .nano_rows import Lesson, Style, lessons
from .nano_sft import hush, load, save
from .rewarding import means, reward_of
from .values import Fit, Fitted, Point

if TYPE_CHECKING:
    from transformers import Qwen3ForCausalLM

# Mean distance of the grades from the arithmetic, of 49, at which they are worth nothing.
_FAR = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueToCards:
    """The view `faithful` for a trace that can be checked: half for its grades, none of it where they are 2 off, half for its reasons."""

    cards: tuple[Digits, ...]

    def score(self, completion: Completion, parsed: Parsed, shown: Sequence[str], target: Target) -> float | None:
        """Always a number; a trace that is not whole is worth nothing."""
        found = faithfulness(completion.reasoning, parsed.order, self.cards)
        if not found.complete:
            return 0.0
        return (max(0.0, 1 - found.grade_error / _FAR) + 1 - found.reason_error) / 2


def scored(used: Reward, text: str, lesson: Lesson) -> Rewarded:
    """The reward of one answer about the list of a lesson."""
    views = dict(used.views)
    if "faithful" in views:
        views["faithful"] = (views["faithful"][0], TrueToCards(cards=lesson.cards))
    target = Target(grades=json.loads(lesson.row["grades"]), teacher_order=tuple(lesson.row["teacher_order"]))
    return replace(used, views=views)(text, lesson.row["shown"], target)


class Judge:
    """The trainer's reward function over lessons by id. `kept` is what the last step's answers got, until their advantages are known."""

    def __init__(self, used: Reward, found: Sequence[Lesson]) -> None:
        self.__name__ = "reward"  # what the trainer calls its column
        self.kept: list[Answered] = []
        self._reward, self._lessons = used, {lesson.id: lesson for lesson in found}

    def __call__(self, *, completions: Sequence[Any], log_metric: Callable[[str, float], None], **columns: Sequence[Any]) -> list[float]:
        """One number per answer; all columns are as long as `completions`."""
        said = [completion[0]["content"] for completion in completions]
        asked = [self._lessons[one] for one in columns["id"]]
        made = [scored(self._reward, text, lesson) for text, lesson in zip(said, asked, strict=True)]
        for name, value in means(made, tuple(self._reward.views)).items():
            log_metric(name, value)
        log_metric("grade_error", mean(faithfulness(text, (), one.cards).grade_error for text, one in zip(said, asked, strict=True)))
        self.kept = [
            {
                "step": 0, "prompt": lesson.prompt, "completion": text, "reward": one.total, "parts": dict(one.parts),
                "advantage": None, "outcome": one.outcome, "example": lesson.id,
            }
            for lesson, text, one in zip(asked, said, made, strict=True)
        ]  # fmt: skip
        return [one.total for one in made]


def grpo(fit: Fit) -> Fitted:
    """Prefer the better of the model's own answers, on the version's stage `rl`. Raises InputError without a usable list, Cancelled."""
    began = time.perf_counter()
    how = fit.recipe.rl
    if how is None:
        raise SettingsError(f"recipe {fit.recipe.name!r} has no [rl]: leave the step out, or take a recipe that has it")
    if how.temperature <= 0:
        raise SettingsError(f"[rl] temperature is {how.temperature:g}: answers that are all the same teach nothing, give more than 0")
    found, refused = lessons(fit.version, Style.of(fit.recipe.start))
    judge = Judge(reward_of(how.reward, how.without), found)
    model = load(fit)
    trainer = make_trainer(model, judge, found, how, fit)
    hush(trainer)
    trainer.add_callback(_followed(fit, how, judge, trainer))
    trainer.train()
    save(model, fit.out)
    facts = {"kind": "grpo", "reward": how.reward, "without": list(how.without)}
    return Fitted(rows=len(found), refused=refused, steps=how.steps, seconds=time.perf_counter() - began, facts=facts)


def make_trainer(model: Qwen3ForCausalLM, judge: Judge, found: Sequence[Lesson], how: Rl, fit: Fit) -> Any:
    """The GRPOTrainer: one step is `prompts` lists with `group` answers each, drawn anew for every step."""
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast

    kind, tokenizer = _trainer_class(), PreTrainedTokenizerFast.from_pretrained(fit.base)
    reference = _frozen(model) if how.kl else None
    # The trainer's sampler leaves out a step that it can't fill.
    enough = [one for _ in range(math.ceil(how.prompts / len(found))) for one in found]
    data = Dataset.from_list([{"prompt": [{"role": "user", "content": one.prompt}], "id": one.id} for one in enough])
    drawing = Drawing(temperature=how.temperature, top_p=how.top_p, top_k=how.top_k)

    def rollout(prompts: Sequence[Any], trainer: Any) -> dict[str, Any]:
        ids = [encode(chat_text(prompt[0]["content"])) for prompt in prompts]
        seed = f"grpo {fit.seed} {trainer.state.global_step}"
        return {"prompt_ids": ids, "completion_ids": roll_out(network_of(model), ids, how.max_completion, drawing, seed), "logprobs": None}

    with warnings.catch_warnings():
        # The seam may change with the next release of the trainer; its version is pinned.
        warnings.filterwarnings("ignore", message=".*rollout_func.*experimental")
        trainer = kind(
            model=model, reward_funcs=judge, args=_arguments(how, fit), train_dataset=data, processing_class=tokenizer, rollout_func=rollout
        )
    if reference is not None:
        # The trainer would load a reference by name, from a hub; it is the model as it began.
        trainer.beta, trainer.ref_model = how.kl, reference
    return trainer


def _frozen(model: Qwen3ForCausalLM) -> Qwen3ForCausalLM:
    return copy.deepcopy(model).eval().requires_grad_(False)


def _trainer_class() -> Any:
    from trl import GRPOTrainer

    class GrammarTrainer(GRPOTrainer):  # type: ignore[misc]
        """GRPOTrainer whose policy is the model under its grammar."""

        def _get_per_token_logps_and_entropies(
            self, model: Any, input_ids: Any, attention_mask: Any, logits_to_keep: int, *args: Any, **more: Any
        ) -> Any:
            """As in TRL: log-probabilities and entropies of the last `logits_to_keep` tokens, and no auxiliary loss."""
            outputs = model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False)
            logits = outputs.logits[:, -logits_to_keep - 1 : -1]
            ruled = forbidden(input_ids, attention_mask, logits_to_keep, logits.shape[-1])
            return *log_chances(logits, input_ids[:, -logits_to_keep:], ruled, self.temperature), None

    return GrammarTrainer


def _arguments(how: Rl, fit: Fit) -> Any:
    """Everything that has moved between versions of the trainer is said."""
    from trl import GRPOConfig

    return GRPOConfig(
        output_dir="unused",
        max_steps=how.steps,
        per_device_train_batch_size=how.prompts * how.group,
        gradient_accumulation_steps=1,
        steps_per_generation=1,
        num_iterations=1,
        num_generations=how.group,
        max_completion_length=how.max_completion,
        temperature=how.temperature,
        top_p=how.top_p,
        top_k=how.top_k,
        learning_rate=how.rate,
        lr_scheduler_type=how.schedule,
        warmup_steps=int(how.warmup * how.steps),
        weight_decay=how.weight_decay,
        max_grad_norm=how.max_grad_norm,
        beta=0.0,
        epsilon=how.clip,
        loss_type=how.loss,
        scale_rewards=how.scale,
        seed=fit.seed,
        data_seed=fit.seed,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        use_vllm=False,
        save_strategy="no",
        report_to="none",
        logging_steps=1,
        log_completions=False,
        disable_tqdm=True,
    )


# The trainer's name of a value -> ours; those that begin with "reward." are taken as they are.
_LOGGED = {
    "loss": "loss", "learning_rate": "rate", "reward": "reward", "reward_std": "reward_std", "entropy": "entropy", "kl": "kl",
    "completions/mean_length": "length", "clean": "clean", "grade_error": "grade_error",
}  # fmt: skip


def _followed(fit: Fit, how: Rl, judge: Judge, trainer: Any) -> Any:
    """A callback that keeps answers and points, and asks whether to go on."""
    from transformers import TrainerCallback

    curves, completions = Curves(fit.out / "curves.jsonl", fit.point), Completions(fit.out / "completions.jsonl")

    class Followed(TrainerCallback):  # type: ignore[misc]
        """Tells the watch each step, and the curves each log."""

        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            # `_logs` is what the trainer's own option to show answers reads; the option would print all of them.
            for one, advantage in zip(judge.kept, trainer._logs["advantages"], strict=True):
                completions(**{**one, "step": state.global_step, "advantage": advantage})
            fit.watch.tell(state.global_step / how.steps)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
            if logs and "reward" in logs:
                names = {**_LOGGED, **{name: name for name in logs if name.startswith("reward.")}}
                values = {ours: float(logs[theirs]) for theirs, ours in names.items() if logs.get(theirs) is not None}
                curves(Point(stage="rl", step=state.global_step, steps=how.steps, values=values))

    return Followed()
