"""Supervised fine-tuning of a tiny random hub model: it learns, refuses what is too long, merges adapters, goes on where it was."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from app.ranking.cache import Cancelled, Watch
from app.ranking.errors import InputError, SettingsError
from tests.training.fitting import tiny
from training.config import Lora
from training.datasets import Version
from training.fitting.curves import points
from training.fitting.families import family
from training.fitting.hub_rows import opens_thinking
from training.fitting.values import Fit, Point
from training.fitting.weights import weights_id

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return tiny.make_version(tmp_path_factory.mktemp("data") / "v", "sft", 5, long=1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, base: Path, data: Version) -> Fit:
    """A fit that ran from end to end, undisturbed."""
    fit = tiny.make_fit(tmp_path_factory.mktemp("whole"), tiny.recipe(tiny.make_sft()), data, base)
    done = family("hub").sft(fit)
    assert (done.rows, done.steps, list(done.refused.values())) == (4, 8, [1])
    assert "longer than 700 tokens" in next(iter(done.refused))
    assert done.facts["longest"] <= 700 and done.facts["trained_parameters"] > 30_000
    return fit


def test_it_learns_and_leaves_a_whole_model(whole: Fit, base: Path) -> None:
    made = points(whole.out / "curves.jsonl")
    assert [point.step for point in made] == list(range(1, 9)) and {point.steps for point in made} == {8}
    assert made[-1].values["loss"] < made[0].values["loss"] - 0.5
    assert {"loss", "rate", "norm", "accuracy"} <= set(made[0].values)
    names = {path.name for path in whole.out.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja", "curves.jsonl"} <= names
    assert weights_id(whole.out) != weights_id(base)
    assert family("hub").backend(whole.out).name == "out"


def test_a_stopped_fit_goes_on_to_the_same_weights(tmp_path: Path, whole: Fit) -> None:
    """Stopped at step 5, with a newest checkpoint that was cut off: what is left is that of step 4."""
    told: list[Point] = []
    fit = tiny.make_fit(tmp_path, whole.recipe, whole.version, whole.base)
    stopped = replace(fit, point=told.append, watch=Watch(cancelled=lambda: len(told) >= 4))
    with pytest.raises(Cancelled):
        family("hub").sft(stopped)
    assert not (fit.out / "model.safetensors").exists()
    assert {path.name for path in fit.scratch.glob("checkpoint-*")} == {"checkpoint-2", "checkpoint-4"}
    shutil.copytree(fit.scratch / "checkpoint-4", fit.scratch / "checkpoint-6")
    (fit.scratch / "checkpoint-6" / "trainer_state.json").unlink()
    done = family("hub").sft(fit)
    assert (done.facts["resumed_from"], done.steps) == (4, 8)
    assert (fit.out / "model.safetensors").read_bytes() == (whole.out / "model.safetensors").read_bytes()
    assert points(fit.out / "curves.jsonl") == points(whole.out / "curves.jsonl")


def test_checkpoints_of_another_seed_are_not_gone_on_with(tmp_path: Path, whole: Fit) -> None:
    shutil.copytree(whole.scratch, tmp_path / "scratch")
    short = replace(whole.recipe, sft=tiny.make_sft(epochs=0.5))
    done = family("hub").sft(tiny.make_fit(tmp_path, short, whole.version, whole.base, seed=4))
    assert (done.facts["resumed_from"], done.steps) == (0, 1)


def test_adapters_are_merged_into_whole_weights(tmp_path: Path, base: Path, data: Version) -> None:
    from safetensors.torch import load_file

    how = tiny.make_sft(lora=Lora(r=2, alpha=4), epochs=0.5, rate=0.05)
    done = family("hub").sft(tiny.make_fit(tmp_path, tiny.recipe(how), data, base))
    # r * (in + out) of q, o (32 x 32), k, v (32 x 16) and gate, up, down (32 x 48), in two layers.
    assert done.facts["trained_parameters"] == 2 * 2 * (2 * 64 + 2 * 48 + 3 * 80)
    before, after = load_file(base / "model.safetensors"), load_file(tmp_path / "out" / "model.safetensors")
    assert set(before) == set(after)
    changed = {name for name, value in before.items() if not value.equal(after[name])}
    assert changed == {name for name in before if name.endswith("proj.weight")}


def test_a_chat_template_that_opens_the_trace_is_seen() -> None:
    opening = tiny.TEMPLATE.replace("assistant\n{% endif", "assistant\n<think>\n{% endif")
    assert opening != tiny.TEMPLATE
    assert [opens_thinking(tiny.make_words(template)) for template in (tiny.TEMPLATE, opening)] == [False, True]


def test_what_can_not_be_trained_says_why(tmp_path: Path, base: Path, data: Version) -> None:
    short = tiny.recipe(tiny.make_sft(max_length=20))
    with pytest.raises(InputError, match="no row for the stage 'sft' that can be used"):
        family("hub").sft(tiny.make_fit(tmp_path, short, data, base))
    with pytest.raises(SettingsError, match=r"has no \[sft\]"):
        family("hub").sft(tiny.make_fit(tmp_path, tiny.recipe(), data, base))
    with pytest.raises(InputError, match="there is no folder 'nowhere'"):
        family("hub").sft(tiny.make_fit(tmp_path, tiny.recipe(tiny.make_sft()), data, tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="no cold start"):
        family("hub").cold(tiny.make_fit(tmp_path, tiny.recipe(), data, base))
