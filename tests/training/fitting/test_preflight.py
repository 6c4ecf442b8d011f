"""Preflight: sizes against published counts and a calculation by hand, and every check that can fail made to fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.ranking.errors import InputError
from tests.training.datasets.made import stored
from tests.training.datasets.made import version as built
from tests.training.fitting import tiny
from training.__main__ import app
from training.config import Lora, load_recipe
from training.datasets import load
from training.fitting import preflight as flight
from training.fitting.preflight import Asked, Check, Machine, Size, preflight

pytestmark = pytest.mark.model
EIGHT = Machine(devices=8, memory=80_000_000_000, disk=2_000_000_000_000, gpu=True)
HOST = Machine(devices=1, memory=8_000_000_000, disk=8_000_000_000, gpu=False)
SMALL = Size(parameters=1_000, per_rank=10, layers=2, hidden=3, inner=5, cache=7, positions=100)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of Qwen2.5-7B-Instruct alone, with the tokenizer of the tests."""
    folder = tmp_path_factory.mktemp("seven")
    made = {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944,
        "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064, "tie_word_embeddings": False,
        "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "rope_theta": 1e6,
    }  # fmt: skip
    tiny.make_words().save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(made))
    return folder


def checked(asked: Asked) -> dict[str, Check]:
    return {check.name: check for check in preflight(asked)}


def test_sizes_are_those_that_are_published(seven: Path) -> None:
    size = flight.sized(str(seven))
    assert isinstance(size, Size)
    # The model's card says 7.61 billion; 7,615,616,512 is what its files hold.
    assert size.parameters == 7_615_616_512
    # q, o 3584 to 3584; k, v 3584 to 512; gate, up, down 3584 and 18944; in 28 layers.
    assert size.per_rank == 28 * (2 * 7168 + 2 * 4096 + 3 * 22528)
    assert (size.cache, size.positions) == (2 * 28 * 512, 32768)


def test_memory_by_hand() -> None:
    two = Machine(devices=2, memory=1_000, disk=0, gpu=True)
    sft = tiny.make_sft(batch=3, max_length=10, precision="bf16")
    inside = 2 * 3 * 10 * ((2 + 12) * 3 + 8 * 5)
    assert flight.memory(SMALL, sft, two) == {"weights": 2_000, "gradients": 2_000, "optimizer": 4_000, "activations": inside}
    adapters = replace(sft, lora=Lora(r=4, alpha=4))
    assert flight.memory(SMALL, adapters, two) == {"weights": (160 + 2_000) / 2, "gradients": 80, "optimizer": 160, "activations": inside}
    rl = tiny.make_rl(kl=0.1, micro=1, group=4, prompts=2, max_prompt=6, max_completion=4)
    need = flight.memory(SMALL, rl, two)
    assert (need["reference"], need["drawing"]) == (2_000, 4 * 10 * 7 * 4)
    assert flight.memory(SMALL, replace(rl, kl=0.0, vllm=True), two)["reference"] == 0.0
    assert flight.memory(SMALL, replace(rl, vllm=True), two)["drawing"] == pytest.approx(300)
    assert flight.disk(SMALL, sft) == 3 * 12_000 + 4_000 + 2_000
    assert flight.disk(SMALL, adapters) == 3 * 480 + 160 + 2_000


def test_the_published_recipe_fits_eight_gpus_of_80_gb_and_not_one(seven: Path) -> None:
    asked = Asked(recipe=load_recipe("reasonrank-7b"), machine=EIGHT, base=str(seven))
    found = checked(asked)
    assert [name for name, check in found.items() if not check.passed] == []
    assert {"recipe", "model", "sft memory", "rl memory", "rl batch", "disk", "template", "reward", "data", "one batch"} <= set(found)
    assert "left out" in found["one batch"].text
    alone = checked(replace(asked, machine=replace(EIGHT, devices=1)))
    assert not alone["sft memory"].passed and "take more devices" in alone["sft memory"].text


def test_a_tiny_recipe_passes_whole(base: Path, tmp_path: Path) -> None:
    recipe = tiny.recipe(tiny.make_sft(max_length=12_000), tiny.make_rl(max_prompt=11_000))
    sized = Asked(recipe=recipe, machine=HOST, base=str(base), version=tiny.make_version(tmp_path / "v", "sft", 3))
    found = checked(sized)
    assert found["sft data"].passed and "3 rows, the longest of" in found["sft data"].text
    assert found["one batch"].passed and "256 tokens forward and backward" in found["one batch"].text
    # The version has no row for reinforcement learning, and the tiny model takes 2,048 tokens.
    failed = {name for name, check in found.items() if not check.passed}
    assert failed == {"rl data", "sft length", "rl length"}


Change = Callable[[Asked], Asked]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("disk", lambda asked: replace(asked, machine=replace(HOST, disk=1_000)), "Free some space"),
        ("sft memory", lambda asked: replace(asked, machine=replace(HOST, memory=1_000)), "Train adapters"),
        ("model", lambda asked: replace(asked, base="/no/such/nowhere"), "'nowhere' can't be loaded"),
        ("tokenizer", lambda asked: replace(asked, base="/no/such/nowhere"), "fetch the model first"),
        ("template", lambda asked: replace(asked, recipe=tiny.recipe(tiny.make_sft(max_length=100))), "over the limit of 100"),
        ("reward", lambda asked: replace(asked, recipe=replace(asked.recipe, template="direct")), "asks for no trace"),
        ("rl batch", lambda asked: replace(asked, machine=replace(HOST, devices=3)), "choose a [rl] micro"),
        ("recipe", lambda asked: replace(asked, recipe=tiny.recipe()), "no stage"),
    ],
)
def test_what_would_stop_a_training_is_named(base: Path, name: str, change: Change, said: str) -> None:
    recipe = tiny.recipe(tiny.make_sft(max_length=12_000), tiny.make_rl(max_prompt=11_000))
    found = checked(change(Asked(recipe=recipe, machine=HOST, base=str(base))))
    assert not found[name].passed and said in found[name].text and "/no/such" not in found[name].text


def test_damaged_weights_are_found_by_the_batch(base: Path, tmp_path: Path) -> None:
    import torch
    from transformers import Qwen3ForCausalLM

    model = Qwen3ForCausalLM.from_pretrained(base)
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] = float("nan")
    model.save_pretrained(tmp_path)
    asked = Asked(recipe=tiny.recipe(tiny.make_sft()), machine=HOST, base=str(tmp_path))
    with pytest.raises(InputError, match="fetch the model again"):
        flight.one_batch(asked, replace(SMALL, positions=64))


def test_the_embedded_model_needs_only_its_data(tmp_path: Path) -> None:
    built(tmp_path / "v", [stored(0, grades={"p1": 1})], stages={"sft": 1.0})
    version = load(tmp_path / "v")
    found = checked(Asked(recipe=load_recipe("nano"), machine=HOST, base="nano", version=version))
    assert list(found) == ["recipe", "sft data", "rl data"]
    assert found["sft data"].passed and not found["rl data"].passed


def test_the_command_says_what_failed_by_its_exit_code(base: Path, tmp_path: Path) -> None:
    text = (tiny.RECIPE + "[sft]\nrate = 1e-3\nbatch = 1\nmax_length = 9000\n").replace('model = "tiny"', f'model = "{base}"')
    path = tmp_path / "mine.toml"
    path.write_text(text)
    tiny.make_version(tmp_path / "v", "sft", 2)
    given: list[Any] = ["preflight", str(path), "--dataset", str(tmp_path / "v"), "--gpu-memory", "16", "--disk", "10"]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 1 and "FAILED  sft length" in done.output and "passed  sft data" in done.output
    path.write_text(text.replace("9000", "2000"))
    told = [json.loads(line) for line in CliRunner().invoke(app, [*given, "--json"]).stdout.splitlines()]
    assert [one["name"] for one in told if not one["passed"]] == ["template"]
    assert CliRunner().invoke(app, ["preflight", "grande"]).exit_code == 2
