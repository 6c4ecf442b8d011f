"""Before hours of training: does the recipe fit the machine, the model and the data? Each check is a line that says what to do.

All sizes are bytes. They are estimates for planning, on the safe side; see `memory` for the formula.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from app.ranking.errors import InputError, RankingError
from app.ranking.values import Passage
from training.config import Recipe, Rl, Sft
from training.datasets.version import Version

from . import hub_rows
from .hub_grpo import VLLM_SHARE

_GB = 1e9
_USABLE = 0.9  # of memory and disk: the rest is the system's
_SMALL = 300_000_000  # parameters: a batch of a model this small is tried on the CPU, too
_QUERY = "why does a metal spoon in hot tea become warm at the other end"
_PASSAGE = "Heat moves through a metal because free electrons carry energy from the hot end to the cold end. " * 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line: what was looked at, whether it holds, and what was found or is to be done."""

    name: str
    passed: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`devices` of `memory` bytes each, which hold one model together (a host without GPU is one device); `disk` bytes are free."""

    devices: int
    memory: int
    disk: int
    gpu: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A model's size from its configuration alone: parameters, those of adapters per unit of rank, and what a token costs."""

    parameters: int
    per_rank: int
    layers: int
    hidden: int
    inner: int
    cache: int  # numbers in the cache of keys and values per token, all layers
    positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is checked. `base` is a folder or a hub name; without a `version` no row is counted."""

    recipe: Recipe
    machine: Machine
    base: str
    version: Version | None = None


def memory(size: Size, how: Sft | Rl, machine: Machine) -> dict[str, float]:
    """Bytes that each device needs, by what they are for, on D devices that share all states (FSDP).

    The model has N parameters; T are trained (N, or those of the adapters) and F are frozen (none, or N):

    weights      (4 T + b F) / D, with b = 2 in bf16, else 4: what learns is held in float32
    gradients    4 T / D
    optimizer    8 T / D (two moments of AdamW in float32)
    reference    4 N / D for a KL term without adapters; adapters are switched off instead
    activations  a B s (L h + 12 h + 8 m): B sequences of s tokens, a bytes a number, L layers of h hidden and m inner. With checkpoints of
                 activations there is the input of each layer, and of one layer all that is inside it, with its gradients. The logits
                 are left out: both trainers take them in pieces
    drawing      of vLLM its share of the device; else the cache of keys and values of all answers of a rollout on this device

    Returns bytes by name; their sum is what is needed while the last minibatch of a rollout is learned from.
    """
    trained, frozen = trained_of(size, how), size.parameters if how.lora is not None else 0
    each = 2 if how.precision == "bf16" else 4
    batch, length = (how.batch, how.max_length) if isinstance(how, Sft) else (how.micro, how.max_prompt + how.max_completion)
    need = {
        "weights": (4 * trained + each * frozen) / machine.devices,
        "gradients": 4 * trained / machine.devices,
        "optimizer": 8 * trained / machine.devices,
        "activations": float(each * batch * length * ((size.layers + 12) * size.hidden + 8 * size.inner)),
    }
    if isinstance(how, Rl):
        need["reference"] = 4 * size.parameters / machine.devices if how.kl > 0 and how.lora is None else 0.0
        answers = math.ceil(how.prompts * how.group / machine.devices)
        need["drawing"] = VLLM_SHARE * machine.memory if how.vllm else float(answers * length * size.cache * each)
    return need


def trained_of(size: Size, how: Sft | Rl) -> int:
    """How many parameters are trained."""
    return size.parameters if how.lora is None else size.per_rank * how.lora.r


def disk(size: Size, how: Sft | Rl) -> float:
    """Bytes on disk: three checkpoints (two are kept while the next is written) of weights and moments, the last weights, the result."""
    trained = trained_of(size, how)
    result = size.parameters * (2 if how.precision == "bf16" else 4)
    return 3 * 12 * trained + 4 * trained + result


def preflight(asked: Asked) -> Iterator[Check]:
    """All checks of a recipe, one after the other; none raises. The embedded model is small enough to need none but its data."""
    recipe = asked.recipe
    stages = [(name, how) for name, how in (("sft", recipe.sft), ("rl", recipe.rl)) if how is not None]
    named = ", ".join(name for name, _ in stages) or "no stage, give [sft] or [rl]"
    yield Check(name="recipe", passed=bool(stages), text=f"{recipe.name} for {recipe.model}: {named}")
    if recipe.family == "nano":
        yield from (_tried(f"{name} data", partial(_nano_rows, asked, name)) for name, _ in stages if asked.version)
        return
    size = sized(asked.base)
    yield Check(name="model", passed=not isinstance(size, str), text=size if isinstance(size, str) else _described(size))
    if not isinstance(size, str):
        for name, how in stages:
            yield _memory_check(name, memory(size, how, asked.machine), asked.machine)
            yield _positions_check(name, how, size)
            yield _share_check(name, how, asked.machine)
        yield _disk_check(max((disk(size, how) for _, how in stages), default=0.0), asked.machine)
    yield from _of_words(asked, stages)
    yield _tried("one batch", partial(one_batch, asked, size))


def _of_words(asked: Asked, stages: list[tuple[str, Sft | Rl]]) -> Iterator[Check]:
    try:
        words = load_words(asked.base)
    except InputError as error:
        yield Check(name="tokenizer", passed=False, text=str(error))
        return
    yield _tried("template", partial(_example, asked.recipe, words))
    if asked.recipe.rl is not None:
        yield _tried("reward", partial(_frame, asked.recipe, words))
    if asked.version is None:
        yield Check(name="data", passed=True, text="no dataset was named: give --dataset to count its rows against the limits")
        return
    for name, _ in stages:
        yield _tried(f"{name} data", partial(_rows, asked, name, words))


def load_words(base: str) -> Any:
    """The base model's tokenizer, without its weights. Raises InputError with what to do."""
    from transformers import AutoTokenizer

    try:
        words = AutoTokenizer.from_pretrained(base, local_files_only=True)
    except (OSError, ValueError) as error:
        raise InputError(f"the tokenizer of {_short(base)} can't be loaded ({type(error).__name__}): fetch the model first") from error
    if not words.chat_template:
        raise InputError(f"the tokenizer of {_short(base)} has no chat template: take the instruct model, not the base model")
    return words


def sized(base: str) -> Size | str:
    """A model's size, without its weights; a sentence where its configuration can't be loaded."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(base, local_files_only=True).get_text_config()
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        return f"the configuration of {_short(base)} can't be loaded ({type(error).__name__}): fetch the model first, or give --base FOLDER"
    head = model.get_output_embeddings()
    linear = [one for one in model.modules() if isinstance(one, torch.nn.Linear) and one is not head]
    wide = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return Size(
        parameters=sum(one.numel() for one in model.parameters()), per_rank=sum(one.in_features + one.out_features for one in linear),
        layers=config.num_hidden_layers, hidden=config.hidden_size, inner=config.intermediate_size,
        cache=2 * config.num_hidden_layers * config.num_key_value_heads * wide, positions=config.max_position_embeddings,
    )  # fmt: skip


def _described(size: Size) -> str:
    return f"{size.parameters:,} parameters in {size.layers} layers, up to {size.positions:,} tokens"


def _memory_check(name: str, need: dict[str, float], machine: Machine) -> Check:
    total, there = sum(need.values()), _USABLE * machine.memory
    parts = ", ".join(f"{part} {value / _GB:.1f}" for part, value in need.items() if value)
    where = f"{machine.devices} x {machine.memory / _GB:.1f} GB of {'GPU' if machine.gpu else 'main'} memory, {there / _GB:.1f} usable each"
    advice = "" if total <= there else ". Train adapters, take more devices, or shorten the rows"
    return Check(name=f"{name} memory", passed=total <= there, text=f"{total / _GB:.1f} GB a device ({parts}); there: {where}{advice}")


def _positions_check(name: str, how: Sft | Rl, size: Size) -> Check:
    length = how.max_length if isinstance(how, Sft) else how.max_prompt + how.max_completion
    fits = length <= size.positions
    advice = "" if fits else ": lower the limit, or take a model with a longer context"
    return Check(name=f"{name} length", passed=fits, text=f"rows of up to {length:,} tokens, the model takes {size.positions:,}{advice}")


def _share_check(name: str, how: Sft | Rl, machine: Machine) -> Check:
    """What one change of the weights is made of, shared out over the devices."""
    if isinstance(how, Sft):
        return Check(name=f"{name} batch", passed=True, text=f"{how.batch * how.accumulation * machine.devices} sequences a step")
    answers, each = (how.minibatch or how.prompts) * how.group, how.micro * machine.devices
    fits = answers % each == 0 and machine.devices % (how.tensor_parallel if how.vllm else 1) == 0
    advice = "" if fits else ": choose a [rl] micro and tensor_parallel that divide them"
    text = f"{answers} answers a change of the weights, {each} at once on {machine.devices} devices{advice}"
    return Check(name=f"{name} batch", passed=fits, text=text)


def _disk_check(need: float, machine: Machine) -> Check:
    there = _USABLE * machine.disk
    advice = "" if need <= there else ". Free some space, or put the data folder on a larger disk"
    text = f"{need / _GB:.1f} GB for checkpoints and weights; {there / _GB:.1f} usable{advice}"
    return Check(name="disk", passed=need <= there, text=text)


def _example(recipe: Recipe, words: Any) -> str:
    """A whole list of long passages as the model would see it."""
    from app.ranking.backends.transformers_text import ModelTokenizer
    from app.ranking.prompts import template_for

    passages = [Passage(id=str(at), text=_PASSAGE) for at in range(1, 21)]
    prompt = template_for(recipe.template).render(_QUERY, passages, ModelTokenizer(words))
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    length = len(hub_rows.tokens(words, messages, begin=True))
    limits = [limit for limit in (recipe.rl and recipe.rl.max_prompt, recipe.sft and recipe.sft.max_length) if limit]
    if limits and length > min(limits):
        raise InputError(f"20 long passages make {length:,} tokens, over the limit of {min(limits):,}: raise it, or shorten passages")
    return f"20 long passages make {length:,} tokens in the chat template"


def _frame(recipe: Recipe, words: Any) -> str:
    hub_rows.template_with_trace(recipe)
    opened = hub_rows.opens_thinking(words)
    return "the chat template writes <think>, which is put back before the reward reads" if opened else "the model writes <think> itself"


def _rows(asked: Asked, stage: str, words: Any) -> str:
    assert asked.version is not None
    found = (hub_rows.sft_rows if stage == "sft" else hub_rows.rl_rows)(asked.recipe, asked.version, words)
    return f"{len(found.rows):,} rows, the longest of {found.longest:,} tokens{_left(found.refused.items())}"


def _nano_rows(asked: Asked, stage: str) -> str:
    from training.datasets.rendering import Refused, Rendering, rows

    assert asked.version is not None
    how = Rendering(refused=Refused())
    count = sum(1 for _ in rows(asked.version, asked.recipe.template, stage, how))
    if not count:
        raise InputError(f"the dataset version has no row for the stage {stage!r}: take one with judgements or labels")
    return f"{count:,} rows{_left((why, len(ids)) for why, ids in how.refused.by_reason.items())}"


def _left(refused: Any) -> str:
    return "".join(f"; {count} left out: {why}" for why, count in refused)


def one_batch(asked: Asked, size: Size | str) -> str:
    """One row forward and backward, of up to 4,096 tokens on a GPU and 256 elsewhere; left out where the model is too large for this host.

    Raises InputError where the loss or a gradient is no number.
    """
    import torch
    from transformers import AutoModelForCausalLM

    # What is here counts, whichever machine is planned for.
    gpu = torch.cuda.is_available()
    room = torch.cuda.get_device_properties(0).total_memory / 16 if gpu else _SMALL
    if isinstance(size, str):
        return "left out: the model is not here"
    if size.parameters > room:
        return "left out: the model is too large to be tried here in one process"
    device = "cuda" if gpu else "cpu"
    model = AutoModelForCausalLM.from_pretrained(asked.base, dtype=torch.float32, local_files_only=True).to(device)
    model.gradient_checkpointing_enable()
    model.train()
    limit = asked.recipe.sft.max_length if asked.recipe.sft else 512
    length = min(limit, size.positions, 4096 if gpu else 256)
    ids = torch.randint(0, model.config.vocab_size, (1, length), generator=torch.Generator().manual_seed(0)).to(device)
    loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    loss.backward()
    lost = float(loss.detach())
    whole = all(one.grad is not None and bool(one.grad.isfinite().all()) for one in model.parameters() if one.requires_grad)
    if not (math.isfinite(lost) and whole):
        raise InputError("a gradient is no number: the weights are damaged, fetch the model again")
    return f"{length} tokens forward and backward, loss {lost:.2f}"


def this_machine(folder: Path, devices: int = 0) -> Machine:
    """What is here: GPUs, else this host's free memory; the disk of `folder`. `devices` plans for as many GPUs like these."""
    import torch

    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(there).free
    if torch.cuda.is_available():
        total = torch.cuda.get_device_properties(0).total_memory
        return Machine(devices=devices or torch.cuda.device_count(), memory=int(total), disk=free, gpu=True)
    return Machine(devices=devices or 1, memory=os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), disk=free, gpu=False)


def _tried(name: str, check: Callable[[], str]) -> Check:
    """A check as a line, also where it can't be made."""
    try:
        return Check(name=name, passed=True, text=check())
    except (RankingError, OSError, ValueError, RuntimeError) as error:
        return Check(name=name, passed=False, text=str(error) or type(error).__name__)


def _short(base: str) -> str:
    """A hub name as it is, of a folder its own name."""
    return repr(Path(base).name if Path(base).is_absolute() else base)
