"""Bundles of the awkward kinds: made of a run file, with topics that failed or are missing, and with texts that mean harm."""

from __future__ import annotations

from pathlib import Path

from app.ranking.evaluation.bundles.of_run import RunFiles, of_run
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.bundles.values import CallRow, Header, SetFiles, TopicRow
from app.ranking.evaluation.bundles.write import BundleWriter

HOSTILE = "</title></pre></svg><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}$\\frac{1}{2}$\x00\x1b[31m\u202e"


def of_run_file(folder: Path) -> Bundle:
    """Two topics of a run file with first stage: one won, one that the run lacks."""
    folder.mkdir()
    (folder / "qrels").write_text("q1 0 a 1\nq1 0 b 0\nq2 0 c 1\n", encoding="utf-8")
    (folder / "run").write_text("q1 Q0 a 1 2.0 x\nq1 Q0 b 2 1.0 x\n", encoding="utf-8")
    (folder / "first").write_text("q1 Q0 b 1 2.0 x\nq1 Q0 a 2 1.0 x\nq2 Q0 c 1 1.0 x\n", encoding="utf-8")
    files = RunFiles(name="plain", run=folder / "run", qrels=folder / "qrels", first=folder / "first")
    return of_run([files], Header(name="a run file", measures=("nDCG@10",)), folder / "bundle")


def troubled(folder: Path) -> Bundle:
    """Three topics: clean, failed in every call, missing from the run; no first stage."""
    rows = (
        TopicRow(set="s", topic="good", query="fine", values={"nDCG@10": 1.0}, outcomes={"clean": 1}, calls=1, tokens_in=10, tokens_out=5),
        TopicRow(
            set="s", topic="bad", values={"nDCG@10": 0.5}, outcome="error", outcomes={"error": 1}, calls=1, tokens_in=10,
            error="the model could not be reached",
        ),
        TopicRow(set="s", topic="gone", values={"nDCG@10": 0.0}, missing=True),
    )  # fmt: skip
    calls = (
        CallRow(set="s", topic="good", number=1, shown=("a", "b"), order=("b", "a"), tokens_in=10, tokens_out=5),
        CallRow(set="s", topic="bad", number=1, shown=("a", "b"), order=("a", "b"), tokens_in=10, outcome="error", error="no route"),
    )
    qrels = {row.topic: {"b": 1} for row in rows}
    run = {topic: (("b", 2.0), ("a", 1.0)) for topic in ("good", "bad")}
    header = Header(name="troubled", model={"name": "m"}, notes=("2 passages had no text",))
    with BundleWriter(folder, header) as writer:
        writer.add_set(SetFiles(name="s", qrels=qrels, run=run))
        for call in calls:
            writer.add_call(call)
        for row in rows:
            writer.add_topic(row)
    return Bundle.open(folder)


def hostile(folder: Path, text: str = HOSTILE) -> Bundle:
    """One topic, everything in which text can stand is harmful; ids hold what TREC files can hold."""
    plain = "".join(one for one in text if one.isprintable()).strip()
    id_ = f"p {plain}"
    row = TopicRow(
        set="s", topic="t<b>'\"&amp;", query=text, domain=text, values={"nDCG@10": 0.5}, first={"nDCG@10": 0.25}, ceiling={"10": 1.0},
        outcome="repaired", outcomes={"repaired": 1}, calls=1, tokens_in=1, tokens_out=1, error=text, tied=True,
    )  # fmt: skip
    call = CallRow(
        set="s", topic=row.topic, number=1, shown=(id_,), order=(id_,), outcome="repaired", problems=(text,), forced=text, reasoning=text,
        answer=text, error=text,
    )  # fmt: skip
    named = {"name": text, "hash": text}
    header = Header(
        name=plain, suite=text, made={"date": text, "commit": text, "python": text, "packages": {text: text}},
        model={"name": text, "revision": text, "engine": named}, profile=named, strategy={"name": text, text: text},
        thinking={"mode": text}, sampling={text: text}, notes=(text,),
    )  # fmt: skip
    files = SetFiles(
        name="s", title=text, qrels={row.topic: {id_: 1}}, first={row.topic: ((id_, 1.0),)}, run={row.topic: ((id_, 1.0),)},
        headroom={"10": 1.0}, hashes={"qrels": text},
    )  # fmt: skip
    with BundleWriter(folder, header) as writer:
        writer.add_set(files)
        writer.add_call(call)
        writer.add_topic(row)
    return Bundle.open(folder)
