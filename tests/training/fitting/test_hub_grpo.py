"""GRPO of a hub model on a tiny one that was taught three answers: both rewards, kept answers, adapters, and going on where it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.ranking.cache import Cancelled, Watch
from app.ranking.errors import InputError, SettingsError
from tests.training.fitting import tiny
from training.config import Lora, load_recipe
from training.datasets import Version, rows
from training.fitting import hub_run
from training.fitting.curves import points
from training.fitting.families import family
from training.fitting.hub_grpo import grpo_config
from training.fitting.values import Fit, Point

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return tiny.make_version(tmp_path_factory.mktemp("data") / "v", "rl", 4)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, data: Version) -> Path:
    folder = tiny.make_model(tmp_path_factory.mktemp("base"))
    tiny.teach_answers(folder, [row["prompt"] for row in rows(data, "reasonrank", "rl")])
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, base: Path, data: Version) -> Fit:
    """Two rollouts of four answers, each learned from in two minibatches; undisturbed."""
    how = tiny.make_rl(minibatch=1, group=4, checkpoint_every=1)
    fit = tiny.make_fit(tmp_path_factory.mktemp("whole"), tiny.recipe(rl=how), data, base)
    done = family("hub").rl(fit)
    assert (done.rows, done.steps, done.refused) == (4, 4, {})
    return fit


def answers(fit: Fit) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (fit.out / "completions.jsonl").read_text(encoding="utf-8").splitlines()]


def test_every_answer_is_kept_with_its_reward_and_advantage(whole: Fit) -> None:
    kept = answers(whole)
    assert [one["step"] for one in kept] == [1] * 8 + [3] * 8  # prompts x group a rollout, not again for the second minibatch
    assert {one["completion"] for one in kept} <= set(tiny.ANSWERS) | {one["completion"] for one in kept if one["outcome"] != "clean"}
    ids = {example["id"] for example in whole.version.examples("rl")}
    for one in kept:
        assert one["example"] in ids and "I will provide you with 4 passages" in one["prompt"]
        assert set(one["parts"]) == ({"ndcg", "recall", "rbo"} if one["outcome"] == "clean" else set())
        # p2 alone is relevant and is shown third: first is NDCG 1, fourth 1 / log2(5).
        if one["completion"] == tiny.ANSWERS[0]:
            assert one["parts"]["ndcg"] == pytest.approx(1.0) and one["reward"] > 1.2
        if one["completion"] == tiny.ANSWERS[1]:
            assert one["parts"]["ndcg"] == pytest.approx(0.4307, abs=1e-4)
        if one["completion"] == tiny.ANSWERS[2]:
            assert one["reward"] == -1.0
    for start in range(0, len(kept), 4):
        group = kept[start : start + 4]
        assert len({one["example"] for one in group}) == 1
        assert sum(one["advantage"] for one in group) == pytest.approx(0.0, abs=1e-3)
        best = max(group, key=lambda one: one["reward"])
        assert best["advantage"] == max(one["advantage"] for one in group)
    assert len({round(one["reward"], 3) for one in kept}) >= 2


def test_every_view_is_on_the_curves(whole: Fit) -> None:
    made = points(whole.out / "curves.jsonl")
    assert [(point.stage, point.step, point.steps) for point in made] == [("rl", step, 4) for step in (1, 2, 3, 4)]
    # A rollout is told with the first change that is made of it.
    assert {"reward", "reward_std", "reward.ndcg", "reward.recall", "reward.rbo", "kl", "length", "rate", "clean", "cut"} <= set(
        made[0].values
    )
    kept = [one for one in answers(whole) if one["step"] == 1]
    assert made[0].values["reward"] == pytest.approx(sum(one["reward"] for one in kept) / len(kept), abs=1e-5)
    clean = [one["parts"]["ndcg"] for one in kept if one["outcome"] == "clean"]
    assert made[0].values["reward.ndcg"] == pytest.approx(sum(clean) / len(clean), abs=1e-5)
    assert made[0].values["kl"] == pytest.approx(0.0, abs=1e-6) and made[-1].values["kl"] > 0.0


def test_a_stopped_fit_goes_on_to_the_same_weights_and_answers(tmp_path: Path, whole: Fit) -> None:
    told: list[Point] = []
    fit = tiny.make_fit(tmp_path, whole.recipe, whole.version, whole.base)
    with pytest.raises(Cancelled):
        family("hub").rl(replace(fit, point=told.append, watch=Watch(cancelled=lambda: len(told) >= 2)))
    done = family("hub").rl(fit)
    assert (done.facts["resumed_from"], done.steps) == (2, 4)
    assert (fit.out / "model.safetensors").read_bytes() == (whole.out / "model.safetensors").read_bytes()
    assert answers(fit) == answers(whole)


def test_the_studios_reward_with_a_view_left_out_on_adapters(tmp_path: Path, base: Path, data: Version) -> None:
    how = tiny.make_rl(reward="studio", without=("brevity",), steps=1, lora=Lora(r=2, alpha=4))
    done = family("hub").rl(tiny.make_fit(tmp_path, tiny.recipe(rl=how), data, base))
    assert done.facts["trained_parameters"] == 2 * 2 * (2 * 64 + 2 * 48 + 3 * 80)
    (point,) = points(tmp_path / "out" / "curves.jsonl")
    assert not any(name.startswith("reward.brevity") for name in point.values) and "reward.ndcg" in point.values
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_the_published_recipe_sets_every_argument(whole: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    """For eight GPUs with vLLM, as far as can be told without them: the object is built and no default decides."""
    published = load_recipe("reasonrank-7b")
    assert published.rl is not None
    monkeypatch.setattr(hub_run, "processes", lambda: 8)
    made = grpo_config(replace(whole, recipe=published), published.rl)
    # 200 rollouts of 16 prompts x 8 answers; minibatches of 8 prompts; 64 answers on 8 devices, one at a time.
    assert (made.max_steps, made.generation_batch_size, made.gradient_accumulation_steps, made.save_steps) == (400, 128, 8, 50)
    assert (made.num_generations, made.num_iterations, made.max_completion_length) == (8, 1, 3072)
    assert (made.beta, made.epsilon, made.epsilon_high, made.loss_type, made.scale_rewards) == (0.001, 0.2, 0.2, "dapo", "group")
    assert (made.temperature, made.top_p, made.top_k, made.learning_rate, made.max_grad_norm) == (1.0, 1.0, 0, 1e-6, 1.0)
    assert (made.bf16, made.use_vllm, made.vllm_mode, made.vllm_max_model_length) == (True, True, "colocate", 23552)
    assert made.model_init_kwargs == {"dtype": "float32", "device_map": None}
    large = load_recipe("reasonrank-32b-lora")
    assert large.rl is not None
    made = grpo_config(replace(whole, recipe=large), large.rl)
    assert made.vllm_tensor_parallel_size == 8 and made.model_init_kwargs["dtype"] == "bfloat16"
    with pytest.raises(SettingsError, match="64 answers and 24 are learned from at once"):
        grpo_config(whole, replace(published.rl, micro=3))


def test_what_can_not_be_trained_says_why(tmp_path: Path, base: Path, data: Version) -> None:
    with pytest.raises(InputError, match="has 4 prompts for reinforcement learning and the recipe takes 16"):
        family("hub").rl(tiny.make_fit(tmp_path, tiny.recipe(rl=tiny.make_rl(prompts=16)), data, base))
    direct = replace(tiny.recipe(rl=tiny.make_rl()), template="direct")
    with pytest.raises(SettingsError, match="asks for no trace and answer in tags"):
        family("hub").rl(tiny.make_fit(tmp_path, direct, data, base))
    uneven = tiny.recipe(rl=tiny.make_rl(group=3, micro=4))
    with pytest.raises(SettingsError, match="6 answers and 4 are learned from at once"):
        family("hub").rl(tiny.make_fit(tmp_path, uneven, data, base))
