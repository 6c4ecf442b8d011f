"""Rows that trainers take as they are: supervised traces, preference pairs, queries with rewards, and judged steps.

Shapes are those of TRL's dataset formats (conversational prompt-completion, explicit-prompt preference, prompt-only with extra columns,
stepwise supervision). Prompts are those that were sent, from the stored calls; a judgement without a run has a rendered one, which only
the reward rows take. Holdout queries are refused before a record comes here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.exports.columns import Kind, columns
from app.exports.records import CallRecord, JudgementRecord, query_id
from app.exports.rows import ranked
from app.ranking.claims import claims
from app.ranking.errors import RankingError
from app.ranking.prompts import builtin_profile, template_for
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Passage

_ORIGIN: tuple[tuple[str, Kind, str], ...] = (
    ("judgement_id", "text", "id of the judgement that it comes from"),
    ("query_id", "text", "q and 12 hex digits of the sha256 of the normalised query"),
    ("licence", "text", "licence of the judgement, empty where none was stated"),
    ("consent_version", "text", "version of the consent, empty where none was asked for"),
)
_PROMPT: tuple[str, Kind, str] = ("prompt", "list", "chat messages {role, content} as they were sent to the model")
SFT = columns(
    _PROMPT,
    ("completion", "list", "one assistant message: trace and answer where the person agreed, else the corrected answer alone"),
    ("corrected", "yes_no", "whether the order is the person's and not the model's"),
    ("unranked", "whole", "passages of the window that the person made no statement on: they keep the model's order after the ranked ones"),
    *_ORIGIN,
)
PREFERENCE = columns(
    _PROMPT,
    ("chosen", "list", "one assistant message: the answer with the person's order, without a trace"),
    ("rejected", "list", "one assistant message: the answer with the model's order, without a trace"),
    *_ORIGIN,
)
REWARD = columns(
    ("prompt", "list", "chat messages; as they were sent, or rendered where nothing was"),
    ("qrels", "json", "grades by passage id, as JSON text: Arrow would merge the keys of all rows into one struct"),
    ("shown", "list", "passage ids in the order of the prompt: [1] is the first"),
    ("order", "json", "the person's weak order over `shown`, groups of ids, as JSON text"),
    ("not_relevant", "list", "passage ids of `shown` that the person put under not relevant"),
    ("rendered", "yes_no", "whether the prompt was made for the file by the profile `reasonrank` (whole texts up to its limit of words)"),
    *_ORIGIN,
)
STEPS = columns(
    ("prompt", "text", "the prompt's messages, one after another, as text"),
    ("completions", "list", "sentences of the trace that the person marked, in the order of the trace"),
    ("labels", "list", "true where it was marked right, false where wrong"),
    *_ORIGIN,
)
_CHAIN = re.compile(r"\[\d{1,4}\](?:\s*>\s*\[\d{1,4}\])+")
_WINDOW = 20  # passages of a rendered prompt
Row = dict[str, Any]


def lines(rows: Iterable[Row]) -> Iterator[bytes]:
    """One JSON object a line."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False).encode() + b"\n"


def sft_rows(records: Iterable[JudgementRecord]) -> Iterator[Row]:
    """One row per call of the run: see SFT."""
    for record in records:
        for call in record.calls:
            if not _usable(call):
                continue
            theirs = _ids(call)
            mine = corrected(record.fields, theirs)
            agreed = mine == theirs
            text = _whole(call) if agreed else _answer(call, mine)
            left = sum(1 for passage in call.passages if passage not in _placed(record.fields))
            yield {
                "prompt": _messages(call), "completion": _said(text), "corrected": not agreed, "unranked": left, **_origin(record),
            }  # fmt: skip


def preference_rows(records: Iterable[JudgementRecord]) -> Iterator[Row]:
    """One row per call whose order the person changed: see PREFERENCE."""
    for record in records:
        for call in record.calls:
            if not _usable(call):
                continue
            theirs = _ids(call)
            if (mine := corrected(record.fields, theirs)) != theirs:
                chosen, rejected = _said(_answer(call, mine)), _said(_answer(call, theirs))
                yield {"prompt": _messages(call), "chosen": chosen, "rejected": rejected, **_origin(record)}


def reward_rows(records: Iterable[JudgementRecord]) -> Iterator[Row]:
    """One row per call, or one rendered prompt over the first 20 passages where there is no call: see REWARD."""
    for record in records:
        given = [(_messages(call), tuple(call.passages), False) for call in record.calls if call.prompt]
        for prompt, shown, rendered in given or [(*_rendered(record), True)]:
            inside = set(shown)
            order = [kept for group in record.fields["order"] if (kept := [one for one in group if one in inside])]
            rejected = [one for one in record.fields["not_relevant"] if one in inside]
            grades = {one: grade for one, grade in _graded(record.fields).items() if one in inside}
            yield {
                "prompt": prompt, "qrels": json.dumps(grades, ensure_ascii=False), "shown": list(shown),
                "order": json.dumps(order, ensure_ascii=False), "not_relevant": rejected, "rendered": rendered, **_origin(record),
            }  # fmt: skip


def step_rows(records: Iterable[JudgementRecord]) -> Iterator[Row]:
    """One row per call with claims marked right or wrong: see STEPS."""
    for record in records:
        marks = [mark for mark in record.fields["claims"] if mark.get("verdict") in ("right", "wrong")]
        for call in record.calls if marks else ():
            found = _steps(record, call, marks)
            if found:
                prompt = "\n\n".join(message["content"] for message in _messages(call))
                steps, labels = zip(*[(text, right) for _, text, right in sorted(found)], strict=True)
                yield {"prompt": prompt, "completions": list(steps), "labels": list(labels), **_origin(record)}


def corrected(fields: Mapping[str, Any], order: Sequence[str]) -> list[str]:
    """Passages in the model's order, as the person would have them: ranked ones, those without a statement, those not relevant.

    Ties, and passages of one kind, keep the model's order, so that the result differs from it only where the person said so.
    """
    groups, rejected = ranked(fields["order"]), set(fields["not_relevant"])
    behind = len(groups) + 1
    return sorted(order, key=lambda one: groups[one][0] if one in groups else behind + (one in rejected))


def _steps(record: JudgementRecord, call: CallRecord, marks: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, bool]]:
    shown = [Passage(id=one, title=record.texts[one][0], text=record.texts[one][1]) for one in call.passages]
    try:
        said = {claim.id: claim for claim in claims(template_for(call.template), call.reasoning, shown)} if call.template else {}
    except RankingError:
        said = {}  # a profile that is no longer there: marks with a span can still be read
    found: dict[int, tuple[int, str, bool]] = {}
    for mark in marks:
        claim, span, about = said.get(mark["claim_id"]), mark.get("span"), mark.get("passage_id")
        if about is not None and about not in call.passages:
            continue
        if claim is not None and (about is None or about in claim.passage_ids):
            span = (claim.start, claim.end)
        if span and span[1] <= len(call.reasoning):
            found[span[0]] = (span[0], call.reasoning[span[0] : span[1]], mark["verdict"] == "right")
    return list(found.values())


def _usable(call: CallRecord) -> bool:
    """A call whose answer is, as it was written, an order of its whole window: only then can the person's order take its place."""
    return call.outcome == "clean" and len(call.order) == len(call.passages) > 1 and bool(_CHAIN.search(call.answer))


def _ids(call: CallRecord) -> list[str]:
    return [call.passages[place] for place in call.order]


def _answer(call: CallRecord, order: Sequence[str]) -> str:
    """The model's own wording of its answer with another order in it."""
    number = {passage: place for place, passage in enumerate(call.passages, start=1)}
    chain = " > ".join(f"[{number[passage]}]" for passage in order)
    last = list(_CHAIN.finditer(call.answer))[-1]
    return call.answer[: last.start()] + chain + call.answer[last.end() :]


def _whole(call: CallRecord) -> str:
    """Trace and answer as the model is to write them, in the frame of its profile."""
    if not call.reasoning:
        return call.answer
    return f"<think>{call.reasoning}</think>{call.answer}"


def _messages(call: CallRecord) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in json.loads(call.prompt)["messages"]]


def _rendered(record: JudgementRecord) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    shown = [one for one in record.fields["shown_order"] if one in record.texts][:_WINDOW]
    window = [Passage(id=one, title=record.texts[one][0], text=record.texts[one][1]) for one in shown]
    prompt = builtin_profile("reasonrank").render(record.query, window, WordTokenizer())
    return [{"role": message.role, "content": message.content} for message in prompt.messages], tuple(shown)


def _placed(fields: Mapping[str, Any]) -> set[str]:
    return {*ranked(fields["order"]), *fields["not_relevant"]}


def _graded(fields: Mapping[str, Any]) -> dict[str, int]:
    return {**dict.fromkeys(fields["not_relevant"], 0), **fields["grades"]}


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def _origin(record: JudgementRecord) -> Row:
    return {
        "judgement_id": record.id,
        "query_id": query_id(record.query),
        "licence": record.fields.get("licence") or "",
        "consent_version": record.fields.get("consent_version") or "",
    }
