"""Rows for trainers: orders worked by hand, shapes that datasets and TRL take, and no holdout query."""

from __future__ import annotations

import json

import pytest

from app.exports.reasonrank import reasonrank_tar
from app.exports.registry import FORMATS, format_named
from app.exports.selection import Selection
from app.exports.trainer import corrected, preference_rows, reward_rows, sft_rows, step_rows
from app.ranking.errors import SettingsError

from .records import FIELDS, call, made, record, untar

AGREED = {"order": [["p2"], ["p3", "p1"]], "not_relevant": [], "unranked": []}


def test_the_persons_order_takes_the_place_of_the_models() -> None:
    # The model: p2 > p3 > p1. The person: p3 first, p1 second, p2 not relevant.
    assert corrected(FIELDS, ["p2", "p3", "p1"]) == ["p3", "p1", "p2"]
    # Nothing said of p1 and p3: they keep their order, p2 goes behind them.
    assert corrected({**FIELDS, "order": [], "not_relevant": ["p2"]}, ["p2", "p3", "p1"]) == ["p3", "p1", "p2"]
    (row,) = sft_rows([record(calls=[call()])])
    assert row["completion"] == [{"role": "assistant", "content": "<answer>[3] > [1] > [2]</answer>"}] and row["corrected"]
    assert row["prompt"] == [{"role": "system", "content": "Rank."}, {"role": "user", "content": "[1] a [2] b [3] c"}]


def test_where_the_person_agreed_the_trace_is_learnt() -> None:
    (row,) = sft_rows([record(calls=[call()], **AGREED)])
    assert row["completion"][0]["content"] == f"<think>{call().reasoning}</think>{call().answer}" and not row["corrected"]
    assert list(preference_rows([record(calls=[call()], **AGREED)])) == []


def test_a_pair_has_both_answers_without_traces() -> None:
    (row,) = preference_rows([record(calls=[call()])])
    said = (row["chosen"][0]["content"], row["rejected"][0]["content"])
    assert said == ("<answer>[3] > [1] > [2]</answer>", "<answer>[2] > [3] > [1]</answer>")


def test_calls_that_failed_teach_nothing() -> None:
    broken = [call(outcome="truncated"), call(outcome="repaired"), call(answer="I can't."), call(order=[])]
    assert list(sft_rows([record(calls=broken)])) == [] == list(preference_rows([record(calls=broken)]))


def test_rewards_are_json_text_and_a_prompt_is_rendered_where_none_was_sent() -> None:
    (sent,) = reward_rows([record(calls=[call()])])
    assert json.loads(sent["qrels"]) == {"p2": 0, "p3": 3, "p1": 1} and sent["shown"] == ["p1", "p2", "p3"] and not sent["rendered"]
    assert (json.loads(sent["order"]), sent["not_relevant"]) == ([["p3"], ["p1"]], ["p2"])
    (rendered,) = reward_rows([record()])
    assert rendered["rendered"] and "[5] " in rendered["prompt"][1]["content"] and "Why, then?" in rendered["prompt"][1]["content"]


def test_steps_are_sentences_that_were_marked() -> None:
    marks = [
        {"claim_id": "c2", "verdict": "wrong", "passage_id": "p3", "span": None},
        {"claim_id": "c1", "verdict": "right", "passage_id": "p2", "span": None},
        {"claim_id": "c1", "verdict": "unsure", "passage_id": "p2", "span": None},
        {"claim_id": "c9", "verdict": "wrong", "passage_id": "p9", "span": [0, 3]},
    ]
    (row,) = step_rows([record(calls=[call()], claims=marks)])
    assert (row["completions"], row["labels"]) == (["The principle is in [2].", "But [3] is near."], [True, False])
    assert list(step_rows([record(calls=[call()])])) == []


def test_the_released_schema_has_its_six_fields_and_texts_beside_them() -> None:
    data, tally = made(reasonrank_tar, [record(), record(id="j2", grades={})])
    files = untar(data)
    rows = [json.loads(line) for line in files["training_data_all.jsonl"].splitlines()]
    queries, documents = (json.loads(files[f"{folder}/reasonrank-studio.json"]) for folder in ("id_query", "id_doc"))
    assert list(rows[0]) == ["dataset", "qid", "initial_list", "final_list", "reasoning", "relevant_docids"] and tally.rows == 2
    said = {one: documents[one].split(" ")[1].split("\n")[0] for one in rows[0]["initial_list"]}
    assert [said[one] for one in rows[0]["final_list"]] == ["3", "1", "4", "5", "2"]
    assert [said[one] for one in rows[0]["relevant_docids"]] == ["1", "3"]  # grades of 1 and more
    assert [said[one] for one in rows[1]["relevant_docids"]] == ["1", "3", "4"]  # no grades: ranked, beside some not relevant
    assert queries == {rows[0]["qid"]: "Why, then?"} and rows[0]["reasoning"] == ""
    agreed = untar(made(reasonrank_tar, [record(calls=[call()], shown_order=["p1", "p2", "p3"], **AGREED)])[0])
    assert json.loads(agreed["training_data_all.jsonl"])["reasoning"] == call().reasoning
    assert json.loads(untar(made(reasonrank_tar, [])[0])["id_doc/reasonrank-studio.json"]) == {}


@pytest.mark.parametrize("name", [form.name for form in FORMATS if form.trains])
def test_holdout_queries_are_refused_for_training(name: str) -> None:
    with pytest.raises(SettingsError, match="never trained on"):
        format_named(name).allowed(Selection(include_holdout=True))
    with pytest.raises(SettingsError, match="newest submitted"):
        format_named(name).allowed(Selection(all_versions=True))
    assert not format_named(name).allowed(Selection()).include_holdout


def test_training_formats_are_those() -> None:
    assert {form.name for form in FORMATS if form.trains} == {"sft", "preference", "grpo", "steps", "reasonrank"}


@pytest.mark.model
def test_datasets_and_trl_take_the_rows() -> None:
    from datasets import Dataset
    from trl.data_utils import is_conversational

    records = [record(calls=[call()], claims=[{"claim_id": "c1", "verdict": "right", "passage_id": "p2", "span": None}])]
    records.append(record(id="j2", grades={"zz": 2}, calls=[call()], claims=records[0].fields["claims"]))
    shapes = ((sft_rows, {"prompt", "completion"}), (preference_rows, {"prompt", "chosen", "rejected"}), (reward_rows, {"prompt"}))
    for make, keys in shapes:
        data = Dataset.from_list(list(make(records)))
        assert data.num_rows == 2 and keys <= set(data.column_names)
        assert is_conversational({key: data[0][key] for key in keys})
    rewards = Dataset.from_list(list(reward_rows(records)))
    assert "zz" not in rewards[0]["qrels"] and json.loads(rewards[0]["qrels"])["p3"] == 3  # keys of rows are not merged
    steps = Dataset.from_list(list(step_rows(records)))
    assert steps.features["completions"].feature.dtype == "string" and steps.features["labels"].feature.dtype == "bool"
