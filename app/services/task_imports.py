"""Lists that become tasks of a project: read from files, given as they are, or found in a collection. All of a file, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from app.ranking.errors import InputError
from app.ranking.formats.decode import Limits, decode
from app.ranking.formats.packaged_lists import Missing, Package, read_beir, read_reasonrank, read_trec
from app.ranking.formats.task_lists import TaskList, checked, of_record, read_jsonl, read_table
from app.services.actors import Actor, require
from app.services.runs import Finder, RunRequest, Runs
from app.services.tutorial import candidates_of
from db.models_projects import Project
from db.session import Database
from db.store import lists, log, projects, runs, tasks
from db.store.tasks import NewTask

Kind = Literal["plain", "gold", "tutorial"]
FORMATS = ("auto", "jsonl", "csv", "tsv", "trec", "beir", "reasonrank")
KINDS: tuple[Kind, ...] = ("plain", "gold", "tutorial")
# Lists that are written in one transaction: short enough that people's saves need not wait long.
_BATCH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFiles:
    """Files that hold lists. `name` is the file's own name, by which `auto` tells tables apart."""

    file: Path
    name: str = ""
    format: str = "auto"
    kind: str = "plain"
    corpus: Path | None = None
    topics: Path | None = None
    qrels: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """Queries whose candidates are sought in a collection (None: the demo), each ranked by `model` where one is named."""

    queries: tuple[str, ...]
    collection: str | None = None
    model: str | None = None


class TaskImports:
    """Adds tasks to projects. `finder` seeks candidates, `ranked` ranks them; `most_bytes` bounds each file."""

    def __init__(self, database: Database, finder: Finder, ranked: Runs, most_bytes: int) -> None:
        self._database, self._finder, self._runs = database, finder, ranked
        self._limits = Limits(bytes=most_bytes)

    async def add_file(self, actor: Actor, project_id: str, given: ListFiles) -> dict[str, Any]:
        """Add the lists of files: {"added", "known", "problems"}, nothing added where there are problems. Raises NotFound."""
        require(actor, "admin")

        def work() -> dict[str, Any]:
            project = self._project(project_id)
            return self._add(actor, project, given.kind, read_files(given, project.depth, self._limits))

        return await asyncio.to_thread(work)

    async def add_lists(self, actor: Actor, project_id: str, kind: str, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Add lists given as JSON, counted as lines from 1."""
        require(actor, "admin")

        def work() -> dict[str, Any]:
            read = (of_record(record, number) for number, record in enumerate(records, start=1))
            return self._add(actor, self._project(project_id), kind, read)

        return await asyncio.to_thread(work)

    async def add_queries(self, actor: Actor, project_id: str, asked: Queries) -> dict[str, Any]:
        """Add a list for each query, with candidates of a collection; waits until the model has ranked them all, where one is named."""
        require(actor, "admin")
        project = await asyncio.to_thread(self._project, project_id)
        new = [await self._find(actor, project, asked, query) for query in asked.queries]
        return await asyncio.to_thread(self._enter, actor, project, "plain", new)

    async def _find(self, actor: Actor, project: Project, asked: Queries, query: str) -> NewTask:
        request = RunRequest(query=query, model=asked.model or "", depth=project.depth, collection=asked.collection)
        found = (await asyncio.to_thread(self._finder.find, request)).candidates
        shown = found.passages[: project.depth]
        if asked.model is None:
            return await asyncio.to_thread(self._keep, replace(found, passages=shown))
        token = await self._runs.start(actor, replace(request, passages=shown, evidence=False))
        async for _ in self._runs.events(actor, token, 0):
            pass  # until its end
        return await asyncio.to_thread(self._of_run, token)

    def _keep(self, found: lists.Candidates) -> NewTask:
        with self._database.write() as session:
            return NewTask(list_id=lists.put(session, found))

    def _of_run(self, token: str) -> NewTask:
        with self._database.read() as session:
            return NewTask(list_id=runs.by_token(session, token).list_id)

    def _project(self, project_id: str) -> Project:
        with self._database.read() as session:
            return projects.get(session, project_id)

    def _add(self, actor: Actor, project: Project, kind: str, read: Iterator[TaskList]) -> dict[str, Any]:
        """Everything is read and checked before anything is written; what can't be used is answered as sentences."""
        try:
            found = [one.cut(project.depth) for one in checked(read, self._limits)]
            problems = [] if kind == "plain" else _unknown(found, len(project.grades))
        except Missing as error:
            problems = list(error.problems)
        except InputError as error:
            problems = [str(error)]
        if problems:
            return {"added": 0, "known": 0, "problems": problems[:20]}
        new: list[NewTask] = []
        for start in range(0, len(found), _BATCH):
            with self._database.write() as session:
                new += [_new_task(lists.put(session, candidates_of(one)), one, kind) for one in found[start : start + _BATCH]]
        return self._enter(actor, project, kind, new)

    def _enter(self, actor: Actor, project: Project, kind: str, new: Sequence[NewTask]) -> dict[str, Any]:
        with self._database.write() as session:
            wanted = projects.get(session, project.id, lock=True).overlap
            added = tasks.add(session, project.id, new, kind=kind, wanted=wanted if kind == "plain" else 1)
            log.append(session, actor.id, "tasks.added", project.id, {"kind": kind, "added": added, "given": len(new)})
            return {"added": added, "known": len(new) - added, "problems": []}


def read_files(given: ListFiles, depth: int, limits: Limits) -> Iterator[TaskList]:
    """Lists of a file in any of the formats. Raises InputError, once they are asked for, for a file that can't be read."""
    text = decode(given.file, limits)
    format = sniff(text, given) if given.format == "auto" else given.format
    package = Package(corpus=given.corpus, topics=given.topics, qrels=given.qrels, depth=depth, limits=limits)
    packaged = {"trec": read_trec, "beir": read_beir, "reasonrank": read_reasonrank}
    if format not in FORMATS:
        raise InputError(f"format {format[:40]!r} is unknown: use one of {', '.join(FORMATS)}")
    if format in packaged:
        yield from packaged[format](text, package)
    else:
        yield from read_jsonl(text) if format == "jsonl" else read_table(text, "\t" if format == "tsv" else ",")


def sniff(text: str, given: ListFiles) -> str:
    """Format of a text, by its first line."""
    first = next((line for line in text.split("\n") if line.strip()), "").strip()
    if not first or first.startswith(("{", "[")):
        return "reasonrank" if '"initial_list"' in text[:100_000] else "jsonl"
    if first.startswith("query-id\tcorpus-id"):
        return "beir"
    if given.name.lower().endswith((".csv", ".tsv")):
        return given.name.lower()[-3:]
    if "query" in first.lower() and ("," in first or "\t" in first):
        return "tsv" if "\t" in first else "csv"
    return "trec"


def _unknown(found: Sequence[TaskList], grades: int) -> list[str]:
    """What is wrong with known answers: none, of less than two passages, or with grades that the project doesn't have."""
    problems = []
    for one in found:
        gold = one.gold
        if gold is None or sum(len(group) for group in gold.order) + len(gold.not_relevant) < 2:
            problems.append(f"line {one.line}: there is no known answer for two passages or more: gold and tutorial tasks need one")
        elif any(grade >= grades for grade in gold.grades.values()):
            problems.append(f"line {one.line}: the known answer has grades above {grades - 1}, the best of this project's scale")
    return problems


def _new_task(list_id: str, one: TaskList, kind: str) -> NewTask:
    """Known answers are kept for the kinds that use them: nobody should find one beside a task that is judged."""
    gold = one.gold.plain if one.gold is not None and kind != "plain" else None
    return NewTask(list_id=list_id, topic=one.topic, gold=gold)
