"""Updates of the embedded model end to end on the recipe `smoke`: the same inputs give the same bytes, everything that is told is there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.ranking.cache import Cancelled, Watch
from app.ranking.errors import InputError, SettingsError
from tests.training.fitting import nano_made
from training.config import Rl, load_recipe
from training.fitting.curves import points
from training.fitting.families import family
from training.fitting.values import Fit, Point
from training.fitting.weights import WEIGHTS, weights_id

pytestmark = pytest.mark.model

GRPO = Rl(kind="grpo", reward="studio", steps=2, group=2, prompts=2, rate=1e-3, kl=0.1, max_completion=60, max_prompt=60)


def with_grpo(fit: Fit, **changes: object) -> Fit:
    return replace(fit, recipe=replace(fit.recipe, rl=replace(GRPO, **changes)))  # type: ignore[arg-type]


def told(fit: Fit) -> list[Point]:
    return points(fit.out / "curves.jsonl")


def test_supervised_rows_twice_give_the_same_weights(tmp_path: Path) -> None:
    fits = [nano_made.fit(tmp_path / name, "sft") for name in ("one", "two", "other")]
    fits[2] = replace(fits[2], seed=6)
    found = [family("nano").sft(fit) for fit in fits]
    one, two, other = ((fit.out / WEIGHTS).read_bytes() for fit in fits)
    assert one == two and one != other and one != (fits[0].base / WEIGHTS).read_bytes()
    assert (found[0].rows, found[0].steps, dict(found[0].refused)) == (4, 2, {})
    assert [(point.stage, point.step, point.steps) for point in told(fits[0])] == [("sft", 1, 2), ("sft", 2, 2)]
    assert all({"loss", "rate"} <= set(point.values) for point in told(fits[0]))
    assert {"config.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS} <= {path.name for path in fits[0].out.iterdir()}


def test_expert_iteration_twice_gives_the_same_weights(tmp_path: Path) -> None:
    fits = [nano_made.fit(tmp_path / name, "rl") for name in ("one", "two")]
    found = [family("nano").rl(fit) for fit in fits]
    assert len({weights_id(fit.out) for fit in fits} | {weights_id(fits[0].base)}) == 2
    assert found[0].rows == 4 and found[0].facts["best"] == 1.0
    last = told(fits[0])[-1].values
    assert {"loss", "rate", "reward", "ndcg", "plan_entropy"} <= set(last) and 0 < last["reward"] <= 1


def test_grpo_twice_gives_the_same_weights_and_keeps_its_answers(tmp_path: Path) -> None:
    fits = [with_grpo(nano_made.fit(tmp_path / name, "rl")) for name in ("one", "two")]
    for fit in fits:
        family("nano").rl(fit)
    assert len({weights_id(fit.out) for fit in fits} | {weights_id(fits[0].base)}) == 2
    views = {f"reward.{view}" for view in ("ndcg", "recall", "rbo", "faithful", "brevity")}
    assert all(views | {"reward", "reward_std", "kl", "length", "grade_error"} <= set(point.values) for point in told(fits[0]))
    # The policy has moved from the one that it began as.
    assert told(fits[0])[0].values["kl"] == pytest.approx(0.0, abs=1e-6) and told(fits[0])[1].values["kl"] > 0
    kept = [json.loads(line) for line in (fits[0].out / "completions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [one["step"] for one in kept] == [1] * 4 + [2] * 4
    assert {one["outcome"] for one in kept} == {"clean"}
    for group in (kept[:2], kept[2:4]):
        assert group[0]["prompt"] == group[1]["prompt"]
        assert group[0]["advantage"] == pytest.approx(-group[1]["advantage"], abs=1e-4)


def test_a_view_can_be_left_out(tmp_path: Path) -> None:
    fit = with_grpo(nano_made.fit(tmp_path / "one", "rl"), without=("recall",), steps=1, kl=0.0)
    assert family("nano").rl(fit).facts == {"kind": "grpo", "reward": "studio", "without": ["recall"]}
    values = told(fit)[0].values
    assert "reward.ndcg" in values and "reward.recall" not in values and "kl" not in values


def test_a_step_can_be_stopped(tmp_path: Path) -> None:
    heard: list[float] = []
    watch = Watch(progress=heard.append, cancelled=lambda: bool(heard))
    with pytest.raises(Cancelled):
        family("nano").sft(replace(nano_made.fit(tmp_path / "one", "sft"), watch=watch))
    assert heard == [0.5]


def test_examples_that_no_plan_explains_are_counted(tmp_path: Path) -> None:
    """The best by all evidence is not wanted: every plan puts it first, and is worth 1 / log2(3) = 0.63."""
    version = nano_made.version(tmp_path / "hard", "sft", 2, grades={"p1": 0, "p2": 1, "p3": 0, "p4": 0})
    with pytest.raises(InputError, match=r"2 no plan over the evidence cards explains them \(NDCG@10 below 0.7\)"):
        family("nano").sft(nano_made.fit(tmp_path / "one", "sft", version=version))


def test_missing_tables_and_words_are_named(tmp_path: Path) -> None:
    fit = nano_made.fit(tmp_path / "one", "rl")
    bare = replace(fit, recipe=replace(fit.recipe, sft=None, rl=None))
    with pytest.raises(SettingsError, match=r"has no \[sft\]"):
        family("nano").sft(bare)
    with pytest.raises(SettingsError, match=r"has no \[rl\]"):
        family("nano").rl(bare)
    with pytest.raises(SettingsError, match="has no view taste"):
        family("nano").rl(with_grpo(fit, without=("taste",)))
    with pytest.raises(SettingsError, match="temperature is 0"):
        family("nano").rl(with_grpo(fit, temperature=0.0))
    rl = load_recipe("smoke").rl
    assert rl is not None
    with pytest.raises(SettingsError, match="schedule 'linear'"):
        family("nano").rl(replace(fit, recipe=replace(fit.recipe, rl=replace(rl, schedule="linear"))))
