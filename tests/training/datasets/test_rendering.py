"""Rows per model: formats that the profile's own parser reads back, limits that refuse and never cut, nano rows that are true."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.ranking.errors import SettingsError
from app.ranking.evidence import digits
from app.ranking.models.nano.cards import Plan, faithfulness, write_reasoning
from app.ranking.models.nano.template import NanoTemplate
from app.ranking.models.nano.vocabulary import NanoTokenizer
from app.ranking.parsing import CLOSE_THINK, OPEN_THINK
from app.ranking.prompts import template_for
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Completion
from tests.training.datasets.made import Stored, item, passages, sample, stored, version
from training.datasets import Version, load, rows
from training.datasets.rendering import Rendering, written

SFT = {"sft": 1.0}
LISTWISE = ("reasonrank", "reasonrank-qwen3", "studio", "rankgpt", "direct", "insertrank")


def built(folder: Path, *items: Stored, **changes: Any) -> Version:
    version(folder, items, **{"stages": SFT, **changes})
    return load(folder)


def read_back(text: str) -> Completion:
    if not text.startswith(OPEN_THINK):
        return Completion(answer=text)
    trace, _, answer = text.removeprefix(OPEN_THINK).partition(CLOSE_THINK)
    return Completion(reasoning=trace, answer=answer)


@pytest.mark.parametrize("name", LISTWISE)
def test_rows_are_what_the_profile_asks_and_reads(tmp_path: Path, name: str) -> None:
    template = template_for(name)
    (row,) = rows(built(tmp_path / "v", stored(0)), name, "sft")
    shown = [one for number in ("p4", "p3", "p2", "p1") for one in passages(0) if one.id == number]
    asked = template.render(item(0).query, shown, WordTokenizer())
    assert row["prompt"] == [{"role": one.role, "content": one.content} for one in asked.messages]
    assert [message["role"] for message in row["completion"]] == ["assistant"] and list(row) == ["prompt", "completion", "id"]
    said = read_back(row["completion"][0]["content"])
    parsed = template.parse(said, 4)
    # p2 is [3], p1 is [4], p3 is [2], p4 is [1]
    assert (parsed.order, parsed.outcome) == ((2, 3, 1, 0), "clean")
    assert said.reasoning.strip() == (item(0).samples[0].reasoning if template.thinks else "")


def test_the_released_format_is_written_as_released() -> None:
    text = written(template_for("reasonrank"), "why", [3, 1, 0, 2])
    assert text == "<think>why</think> <answer> [4] > [2] > [1] > [3] </answer>"
    assert written(template_for("rankgpt"), "why", [1, 0]) == "[2] > [1]"


def test_reward_rows_carry_what_a_reward_needs(tmp_path: Path) -> None:
    grades = {"p1": 0, "p2": 2, "p3": 1, "p4": 0}
    found = built(tmp_path / "v", stored(0, grades=grades, samples=item(0).samples), stages={"rl": 1.0})
    assert list(rows(found, "reasonrank", "sft")) == []
    (row,) = rows(found, "reasonrank", "rl")
    assert list(row) == ["prompt", "shown", "grades", "teacher_order", "relevant", "id"]
    assert row["shown"] == ["p4", "p3", "p2", "p1"] and row["teacher_order"] == ["p2", "p1", "p3", "p4"]
    assert json.loads(row["grades"]) == grades and row["relevant"] == ["p3", "p2"]


def test_rows_over_the_limit_are_refused_and_named_never_cut(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    long = tuple(replace(one, text="word " * 300) for one in passages(1))
    found = built(tmp_path / "v", stored(0), stored(1, passages=long), stored(2))
    ids = [one["id"] for one in found.examples()]
    how = Rendering(max_tokens=800)
    made = list(rows(found, "reasonrank", "sft", how))
    assert [row["id"] for row in made] == [ids[0], ids[2]]
    assert how.refused.by_reason == {next(iter(how.refused.by_reason)): [ids[1]]}
    (said,) = how.refused.sentences
    assert "1 example left out: longer than 800 tokens, estimated by words" in said and ids[1] in said and caplog.text == ""
    count = WordTokenizer().count
    texts = [message["content"] for message in (*made[0]["prompt"], *made[0]["completion"])]
    exact = sum(map(count, texts))
    assert len(list(rows(found, "reasonrank", "sft", Rendering(max_tokens=exact)))) == 2
    assert [row["id"] for row in rows(found, "reasonrank", "sft", Rendering(max_tokens=exact - 1))] != [ids[0], ids[2]]


def test_orders_without_a_trace_are_rows_where_no_trace_is_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    best = replace(item(0).samples[0], reasoning=" ")
    found, how = built(tmp_path / "v", stored(0, samples=(best,))), Rendering()
    assert list(rows(found, "reasonrank", "sft", how)) == [] and "has no trace" in how.refused.sentences[0]
    with caplog.at_level(logging.WARNING):
        assert list(rows(found, "reasonrank", "sft")) == []
    assert how.refused.sentences[0] in caplog.text  # nobody was there to collect it
    assert len(list(rows(found, "direct", "sft"))) == 1


@pytest.mark.parametrize("trace", ["so </think> and on", "a <answer> [1] </answer> </think> b"])
def test_traces_that_hold_tags_of_the_format_are_refused(tmp_path: Path, trace: str) -> None:
    found, how = built(tmp_path / "v", stored(0, samples=(replace(item(0).samples[0], reasoning=trace),))), Rendering()
    assert list(rows(found, "reasonrank", "sft", how)) == [] and "holds a tag" in how.refused.sentences[0]


def test_an_unknown_stage_or_unit_is_refused_at_once(tmp_path: Path) -> None:
    found = built(tmp_path / "v", stored(0))
    with pytest.raises(SettingsError, match="stage 'dpo'"):
        rows(found, "reasonrank", "dpo")
    with pytest.raises(SettingsError, match="one passage at a time"):
        rows(found, "pointwise", "sft")


def nano_check(row: dict[str, Any], window: list[Any]) -> Plan:
    """That a row of the embedded model is exactly true to its cards; its plan."""
    from app.ranking.models.nano.cards import read_plan

    said = read_back(row["completion"][0]["content"])
    parsed = NanoTemplate().parse(said, len(window))
    assert parsed.outcome == "clean"
    truth = faithfulness(said.reasoning, parsed.order, [digits(one) for one in window])
    assert (truth.complete, truth.grade_error, truth.reason_error, truth.order_agreement) == (True, 0.0, 0.0, 1.0)
    plan = read_plan(said.reasoning)
    assert plan is not None
    return plan[0]


def test_true_nano_traces_are_kept_and_others_get_a_plan_in_hindsight(tmp_path: Path) -> None:
    shown = list(passages(0))
    cards = [digits(one) for one in shown]
    ids = [one.id for one in shown]
    true = sample(ids, ids, write_reasoning(Plan(first="lead", then="words"), cards))
    false = replace(true, reasoning=true.reasoning.replace("g4", "g3", 1))
    nano: dict[str, Any] = {"template": "nano", "grades": {"p1": 1, "p2": 0, "p3": 0, "p4": 0}}
    found = built(
        tmp_path / "v", stored(0, samples=(true,), **nano), stored(2, samples=(false,), **nano), stored(4, **{"grades": nano["grades"]})
    )
    made = list(rows(found, "nano", "sft", Rendering(tokenizer=NanoTokenizer())))
    assert nano_check(made[0], shown) == Plan(first="lead", then="words")
    assert nano_check(made[1], shown) != Plan(first="lead", then="words")
    assert [message["role"] for message in made[0]["prompt"]] == ["user"] and "=[1]" in made[0]["prompt"][0]["content"]
    assert nano_check(made[2], shown[::-1])  # a free trace of a larger teacher says nothing to it


def test_lists_that_no_plan_explains_are_left_out_and_stay_in_the_version(tmp_path: Path) -> None:
    # All evidence falls from p1 to p4, so no plan puts p4 first: NDCG@10 of p4 at rank 4 is 1 / log2(5) = 0.43.
    wrong = {"p1": 0, "p2": 0, "p3": 0, "p4": 1}
    found, how = built(tmp_path / "v", stored(0, grades=wrong), stored(2, grades={**wrong, "p1": 1})), Rendering()
    ids = [one["id"] for one in found.examples()]
    assert [row["id"] for row in rows(found, "nano", "sft", how)] == ids[1:]
    assert how.refused.by_reason == {"no plan over the evidence cards explains them (NDCG@10 below 0.7)": ids[:1]}
    assert len(list(rows(found, "nano", "sft", Rendering(explained=0.43)))) == 2
    assert len(list(rows(found, "reasonrank", "sft"))) == 2


def test_lists_without_evidence_are_no_rows_of_the_embedded_model(tmp_path: Path) -> None:
    bare, how = tuple(replace(one, features={}) for one in passages(0)), Rendering()
    assert list(rows(built(tmp_path / "v", stored(0, passages=bare)), "nano", "sft", how)) == []
    assert "no evidence card can be made" in how.refused.sentences[0]
