"""Saving a judgement through the service, and taking it away in each format."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from app.exports.records import JudgementRecord, RunRecord, query_id
from app.exports.trec import qrels_txt, runs_txt
from app.ranking.errors import Forbidden, InputError, NotFound
from app.services.actors import LOCAL, VISITOR
from app.services.exports import Exports
from app.services.judgements import Judgements, StaleJudgement
from app.services.runs import RunRequest, Runs
from app.services.stats import Stats
from tests.services.test_runs import ANSWER, make, until_end


async def a_run(runs: Runs) -> str:
    token = await runs.start(LOCAL, RunRequest(query="Why, then?", model="told"))
    await until_end(runs, token)
    return token


def draft(token: str, **changes: Any) -> dict[str, Any]:
    return {
        "run": token, "idempotency_key": "k1", "base_version": 0, "state": "submitted", "order": [["p3"], ["p1"]], "not_relevant": ["p2"],
        "unranked": [], "grades": {"p3": 3, "p1": 1}, "shown_order": ["p2", "p3", "p1"], "claims": [], "disagree": True, "note": "No.",
        **changes,
    }  # fmt: skip


def test_a_judgement_is_saved_read_and_exported(tmp_path: Path) -> None:
    runs = make(tmp_path, ANSWER)
    judgements, exports = Judgements(runs._database), Exports(runs._database)

    async def work() -> None:
        token = await a_run(runs)
        saved = await judgements.save(LOCAL, draft(token))
        assert saved.created and saved.judgement["version"] == 1
        assert not (await judgements.save(LOCAL, draft(token))).created
        assert await judgements.for_run(LOCAL, token) == saved.judgement
        assert await judgements.mine(LOCAL) == [saved.judgement] == await judgements.recent(LOCAL)
        files = {}
        for name in ("judgements.jsonl", "qrels.txt", "runs.txt"):
            files[name] = b"".join([chunk async for chunk in exports.stream(LOCAL, name).chunks]).decode()
        qid = query_id("why then")
        assert files["qrels.txt"] == f"{qid} 0 p1 1\n{qid} 0 p2 0\n{qid} 0 p3 3\n"
        assert files["runs.txt"] == f"{qid} Q0 p2 1 3 told\n{qid} Q0 p3 2 2 told\n{qid} Q0 p1 3 1 told\n"
        (line,) = [json.loads(text) for text in files["judgements.jsonl"].splitlines()]
        assert (line["query"], line["order"], line["counts"], line["query_id"]) == ("Why, then?", [["p3"], ["p1"]], True, qid)
        assert line["passages"][0] == {"id": "p1", "title": "Title 1", "text": "Text of passage 1."}
        counts = await Stats(runs._database).get(LOCAL)
        assert counts == {"runs": 1, "by_outcome": {"clean": 1}, "judgements": 1, "people": 1, "queries": 1}

    asyncio.run(work())


def test_a_draft_after_a_submitted_version_does_not_undo_it(tmp_path: Path) -> None:
    runs = make(tmp_path, ANSWER)
    judgements, exports = Judgements(runs._database), Exports(runs._database)

    async def work() -> None:
        token = await a_run(runs)
        await judgements.save(LOCAL, draft(token))
        await judgements.save(LOCAL, draft(token, idempotency_key="k2", base_version=1, state="draft", grades={"p3": 0}))
        lines = [json.loads(chunk) async for chunk in exports.stream(LOCAL, "judgements.jsonl").chunks]
        assert [(line["version"], line["counts"]) for line in lines] == [(1, True), (2, False)]
        qrels = b"".join([chunk async for chunk in exports.stream(LOCAL, "qrels.txt").chunks]).decode()
        assert qrels.splitlines()[-1].endswith("p3 3")

    asyncio.run(work())


def test_a_stale_save_shows_both_versions(tmp_path: Path) -> None:
    runs = make(tmp_path, ANSWER)
    judgements = Judgements(runs._database)

    async def work() -> None:
        token = await a_run(runs)
        await judgements.save(LOCAL, draft(token))
        with pytest.raises(StaleJudgement) as refused:
            await judgements.save(LOCAL, draft(token, idempotency_key="k2", note="mine"))
        assert (refused.value.yours["note"], refused.value.newest["note"]) == ("mine", "No.")

    asyncio.run(work())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": [["p3"], ["p3"]]}, "'p3' more than once"),
        ({"not_relevant": ["p1"]}, "'p1' more than once"),
        ({"grades": {"zz": 1}}, "'zz' is not in the list"),
        ({"shown_order": ["zz"]}, "'zz' is not in the list"),
        ({"order": [["p3"], []]}, "empty group"),
    ],
)
def test_a_judgement_of_other_passages_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    runs = make(tmp_path, ANSWER)

    async def work() -> None:
        token = await a_run(runs)
        with pytest.raises(InputError, match=message):
            await Judgements(runs._database).save(LOCAL, draft(token, **changes))

    asyncio.run(work())


def test_visitors_may_not_judge_or_take_files(tmp_path: Path) -> None:
    runs = make(tmp_path, ANSWER)

    async def work() -> None:
        with pytest.raises(Forbidden):
            await Judgements(runs._database).save(VISITOR, draft("x"))
        with pytest.raises(Forbidden):
            Exports(runs._database).stream(VISITOR, "qrels.txt")
        with pytest.raises(NotFound, match="runs.txt"):
            Exports(runs._database).stream(LOCAL, "qrels.exe")

    asyncio.run(work())


def record(grades: dict[str, int], *, counts: bool = True) -> JudgementRecord:
    fields = {"grades": grades, "not_relevant": []}
    return JudgementRecord(id="j", query="q", person="x", created="", counts=counts, holdout=False, fields=fields, texts={})


def test_qrels_take_the_lower_median_of_the_newest_submitted() -> None:
    records = [record({"a b": 3}), record({"a b": 1}), record({"a b": 0}, counts=False)]
    assert list(qrels_txt(records)) == [f"{query_id('q')} 0 a b 1\n".encode()]


def test_a_run_file_has_strictly_falling_scores_and_the_last_run_counts() -> None:
    records = [RunRecord(query="q", model="my model", order=["x", "y"]), RunRecord(query="Q!", model="my model", order=["y", "x"])]
    qid = query_id("q")
    assert b"".join(runs_txt(records)).decode() == f"{qid} Q0 y 1 2 my-model\n{qid} Q0 x 2 1 my-model\n"


def test_a_run_that_was_not_clean_says_so_in_its_tag() -> None:
    (line,) = runs_txt([RunRecord(query="q", model="m", order=["x"], outcome="error")])
    assert line.decode().split()[-1] == "m+error"
