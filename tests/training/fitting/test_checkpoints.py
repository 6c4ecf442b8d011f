"""Checkpoints, curves, kept answers and ids of weights: what a killed process leaves is told from what is whole. No torch here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from app.ranking.errors import InputError
from training.fitting import checkpoints
from training.fitting.completions import Completions
from training.fitting.curves import Curves, points
from training.fitting.values import Point
from training.fitting.weights import weights_id


def checkpoint(folder: Path, step: int, *without: str, state: str | None = None) -> Path:
    made = folder / f"checkpoint-{step}"
    made.mkdir(parents=True)
    files = {
        "model.safetensors": "w",
        "optimizer.pt": "o",
        "trainer_state.json": json.dumps({"global_step": step}) if state is None else state,
    }
    for name, text in files.items():
        if name not in without:
            (made / name).write_text(text)
    return made


def test_the_newest_whole_checkpoint_is_chosen_by_its_number(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path) is None
    for step in (9, 100, 20):
        checkpoint(tmp_path, step)
    (tmp_path / "checkpoint-best").mkdir()
    found = checkpoints.newest(tmp_path)
    assert found is not None and (found.name, checkpoints.step_of(found)) == ("checkpoint-100", 100)
    assert checkpoints.step_of(None) == 0


@pytest.mark.parametrize("missing", ["trainer_state.json", "optimizer.pt", "model.safetensors"])
def test_what_was_cut_off_is_passed_over_and_swept(tmp_path: Path, missing: str) -> None:
    checkpoint(tmp_path, 2)
    checkpoint(tmp_path, 4, missing)
    found = checkpoints.newest(tmp_path)
    assert found is not None and found.name == "checkpoint-2"
    checkpoints.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]


@pytest.mark.parametrize("state", ['{"global_step": 4', "[]", '{"global_step": 3}', ""])
def test_a_state_that_can_not_be_read_or_is_of_another_step_is_not_whole(tmp_path: Path, state: str) -> None:
    assert not checkpoints.whole(checkpoint(tmp_path, 4, state=state))


@pytest.mark.parametrize("name", ["optimizer.bin", "optimizer_0", "global_step4"])
def test_optimizers_of_several_devices_are_known(tmp_path: Path, name: str) -> None:
    made = checkpoint(tmp_path, 4, "optimizer.pt")
    (made / name).mkdir()
    assert checkpoints.whole(made)


def test_checkpoints_of_another_fit_are_removed(tmp_path: Path) -> None:
    checkpoints.claim(tmp_path, "one")
    checkpoint(tmp_path, 4)
    checkpoints.claim(tmp_path, "one")
    assert checkpoints.newest(tmp_path) is not None
    (tmp_path / "launch.json").touch()
    checkpoints.claim(tmp_path, "two")
    assert {path.name for path in tmp_path.iterdir()} == {"owner.json", "launch.json"}


def test_curves_are_kept_told_and_gone_on_with(tmp_path: Path) -> None:
    told: list[Point] = []
    path = tmp_path / "curves.jsonl"
    curves = Curves(path, told.append)
    for step in (1, 2, 3):
        curves(Point(stage="sft", step=step, steps=3, values={"loss": 1.0 / step, "kl": float("nan")}))
    assert [dict(one.values) for one in told] == [{"loss": 1.0}, {"loss": 0.5}, {"loss": 1 / 3}]
    assert points(path) == told
    with path.open("a") as file:
        file.write('{"stage": "sft", "st')
    assert points(path) == told
    Curves(path, after=2)(Point(stage="sft", step=3, steps=3, values={"loss": 0.25}))
    assert [(one.step, one.values["loss"]) for one in points(path)] == [(1, 1.0), (2, 0.5), (3, 0.25)]
    Curves(path)
    assert points(path) == []


def test_answers_of_later_steps_are_made_again(tmp_path: Path) -> None:
    path = tmp_path / "completions.jsonl"

    def keep(kept: Completions, step: int, text: str) -> None:
        kept(step=step, prompt="why", completion=text, reward=1.0, parts={"ndcg": None}, advantage=0.5, outcome="clean", example="e")

    first = Completions(path)
    keep(first, 1, "é\n")
    keep(first, 2, "lost")
    keep(Completions(path, after=1), 2, "again")
    kept = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [one["completion"] for one in kept] == ["é\n", "again"]
    assert list(kept[0]) == ["step", "prompt", "completion", "reward", "parts", "advantage", "outcome", "example"]


def test_weights_are_named_by_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no weights"):
        weights_id(tmp_path)
    one, two = (hashlib.sha256(text).hexdigest() for text in (b"one", b"two"))
    (tmp_path / "model.safetensors").write_bytes(b"one")
    assert weights_id(tmp_path) == one
    parts = tmp_path / "parts"
    parts.mkdir()
    for name, text in (("model-00002-of-00002.safetensors", b"two"), ("model-00001-of-00002.safetensors", b"one")):
        (parts / name).write_bytes(text)
    said = f"model-00001-of-00002.safetensors\0{one}\nmodel-00002-of-00002.safetensors\0{two}\n"
    assert weights_id(parts) == hashlib.sha256(said.encode()).hexdigest()
