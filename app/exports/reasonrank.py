"""The schema of ReasonRank's released training data, so that rows of people can be put behind its own.

Field names and meaning: `training_data_all.jsonl` of github.com/8421BCD/ReasonRank (arXiv 2508.07050), whose texts lie apart in `id_query/`
and `id_doc/`. Ids of passages here are made of their texts: ids of pasted passages mean nothing outside their list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from app.exports.columns import columns
from app.exports.folder import Part, Spool, tar
from app.exports.records import CallRecord, JudgementRecord, query_id
from app.exports.rows import ranked
from app.exports.selection import Selection, Tally
from app.exports.trainer import corrected

DATASET = "reasonrank-studio"
COLUMNS = columns(
    ("dataset", "text", f"always {DATASET}"),
    ("qid", "text", "q and 12 hex digits of the sha256 of the normalised query; its text is in id_query/"),
    ("initial_list", "list", "passage ids as they were shown to the person; texts are in id_doc/"),
    (
        "final_list",
        "list",
        "the person's order: ranked passages, those without a statement, those not relevant; ties as the model has them, else as shown",
    ),
    ("reasoning", "text", "the model's trace where it ranked the list in one call and the person's order is the model's, else empty"),
    (
        "relevant_docids",
        "list",
        "passages with a grade of 1 or more; without any grade the ranked ones, where others were put under not relevant",
    ),
)


def reasonrank_tar(records: Iterable[JudgementRecord], selection: Selection, tally: Tally) -> Iterator[bytes]:
    """A tar of `training_data_all.jsonl`, `id_query/NAME.json` and `id_doc/NAME.json` (one JSON object of id -> text each)."""
    with Spool() as rows, Spool() as queries, Spool() as documents:
        known = set[str]()
        for record in records:
            names = {passage: "d" + digest[:16] for passage, digest in record.text_hashes.items()}
            rows.line(json.dumps(_row(record, names), ensure_ascii=False))
            tally.rows += 1
            _keep(queries, known, query_id(record.query), record.query)
            for passage, (title, text) in record.texts.items():
                _keep(documents, known, names[passage], f"{title}\n{text}" if title else text)
        for spool in (queries, documents):
            spool.line("\n}" if spool.size else "{}")
        parts = (("training_data_all", "jsonl", rows), (f"id_query/{DATASET}", "json", queries), (f"id_doc/{DATASET}", "json", documents))
        yield from tar(Part(name=f"{name}.{ending}", spool=spool) for name, ending, spool in parts)


def _row(record: JudgementRecord, names: dict[str, str]) -> dict[str, object]:
    fields, asked = record.fields, _asked(record)
    shown = [one for one in fields["shown_order"] if one in names]
    whole = asked is not None and set(asked.passages) == set(shown)
    final = corrected(fields, [asked.passages[place] for place in asked.order] if asked is not None and whole else shown)
    return {
        "dataset": DATASET,
        "qid": query_id(record.query),
        "initial_list": [names[one] for one in shown],
        "final_list": [names[one] for one in final],
        "reasoning": _trace(asked, final),
        "relevant_docids": [names[one] for one in _relevant(record, shown)],
    }


def _asked(record: JudgementRecord) -> CallRecord | None:
    """The one call that ranked the list, where it was one and its answer was clean."""
    return record.calls[0] if len(record.calls) == 1 and record.calls[0].outcome == "clean" else None


def _trace(asked: CallRecord | None, final: list[str]) -> str:
    return asked.reasoning if asked is not None and [asked.passages[place] for place in asked.order] == final else ""


def _relevant(record: JudgementRecord, shown: list[str]) -> list[str]:
    grades = record.fields["grades"]
    if not grades and record.fields["not_relevant"]:
        groups = ranked(record.fields["order"])
        return [one for one in shown if one in groups]
    return [one for one in shown if grades.get(one, 0) >= 1]


def _keep(spool: Spool, known: set[str], key: str, text: str) -> None:
    if key not in known:
        known.add(key)
        spool.write(("{\n" if not spool.size else ",\n").encode() + f"{json.dumps(key)}: {json.dumps(text, ensure_ascii=False)}".encode())
