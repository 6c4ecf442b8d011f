"""One query of a source becomes one item: candidates, labels, list, rankings. Pure but for its searches and its caller.

Which calls are made follows from the recipe, the source item and earlier answers, never from time, from other items or from which answer
came first; killed anywhere and started again, the same item comes out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from app.ranking.errors import BackendError, InputError, SettingsError, TemplateError
from app.ranking.evidence import SIGNALS
from app.ranking.values import Completion, Passage

from . import mining, ranking
from .asking import Answered, Question, ask_all
from .lists import Chosen, Labels, choose, seed_of
from .pool import Pool, human_labels, make_pool
from .recipe import MiningTable, Recipe, SourceTable
from .search import Search
from .teaching import Teaching
from .values import Item, LabelledBy, Mined, Opinion, Origin, Sample, SourceItem

if TYPE_CHECKING:
    from .calls import Caller


class _Nothing(Exception):
    """There is no list to rank; the text says why."""


@dataclass(slots=True, kw_only=True)
class _Draft:
    """What is known of an item so far."""

    number: int
    found: SourceItem
    table: SourceTable
    seed: int
    completions: list[Completion] = field(default_factory=list)
    mined: list[Mined] = field(default_factory=list)
    passages: tuple[Passage, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)
    labels: Labels | None = None
    samples: tuple[Sample, ...] = ()
    chosen: int = 0
    teacher: str = ""
    template: str = ""
    notes: tuple[str, ...] = ()
    error: str = ""

    def count(self, answers: Iterable[Answered]) -> None:
        """Add what calls took; those that failed gave nothing to count."""
        self.completions += [one for one in answers if isinstance(one, Completion)]


class Synthesizer:
    """Makes items by a recipe. `searches` are by name of the corpus, with one under "" for lists that come from no corpus.

    Safe to call for many items at once on one event loop; searches run on threads.
    """

    def __init__(self, recipe: Recipe, searches: Mapping[str, Search], caller: Caller, teaching: Teaching) -> None:
        self._recipe, self._searches, self._caller, self._teaching = recipe, searches, caller, teaching
        self._reads_evidence = bool(getattr(teaching.template, "reads_evidence", False))
        self._tables = {(source.kind, source.domain): source for source in recipe.sources}

    async def item(self, number: int, found: SourceItem) -> Item:
        """The item of a query. A call without an answer, or a list that can't be made, is an item whose `error` says so.

        Raises BudgetSpent, and SettingsError for what no item of this recipe can get over.
        """
        draft = _Draft(
            number=number,
            found=found,
            table=self._table(found),
            seed=seed_of(self._recipe.seed, found.source, found.domain, found.id),
            teacher=self._teaching.name,
            template=self._teaching.template.name,
            notes=found.notes,
        )
        try:
            await self._walk(draft)
        except (_Nothing, BackendError, TemplateError, InputError) as error:
            draft.error = str(error)
        return _item(draft, self._teaching)

    def _table(self, found: SourceItem) -> SourceTable:
        for key in ((found.source, found.domain), (found.source, "")):
            if key in self._tables:
                return self._tables[key]
        raise SettingsError(
            f"query {found.id!r} comes from source {found.source!r} and domain {found.domain!r}, and the recipe has no such [[source]]"
        )

    async def _walk(self, draft: _Draft) -> None:
        found = draft.found
        pool = make_pool(found, await self._retrieved(draft))
        if not pool.passages:
            raise _Nothing("there is nothing to rank: the source brings no passage and none was retrieved")
        tables = [self._recipe.mining[name] for name in draft.table.mining]
        teacher = await self._mine(draft, pool, tables)
        draft.labels = labels = _counting(human_labels(found, pool), teacher)
        if found.ready is not None:
            await self._take_ready(draft, pool, labels)
            return
        if not any(labels.positive(passage.id) for passage in pool.passages):
            who = {"source": "the source", "people": "people", "teacher": "the teacher"}[labels.by]
            raise _Nothing(f"there is nothing to rank: {who} found none of {len(pool.passages)} candidates relevant")
        chosen = choose(pool.passages, pool.origins, labels, size=self._recipe.list.size, seed=draft.seed)
        await self._take(draft, chosen)
        await self._rank(draft)

    async def _retrieved(self, draft: _Draft) -> Sequence[Passage]:
        table = draft.table
        if not table.k:
            return ()
        return await asyncio.to_thread(self._search(table).candidates, draft.found.query, table.k, table.retriever)

    def _search(self, table: SourceTable) -> Search:
        if table.corpus not in self._searches:
            raise SettingsError(f"corpus {table.corpus!r} was not opened: give its search")
        return self._searches[table.corpus]

    # Labels.

    async def _mine(self, draft: _Draft, pool: Pool, tables: Sequence[MiningTable]) -> Labels:
        """What the teacher says of the candidates. Every answer is kept; raises the first failure once all have ended."""
        asked: list[tuple[MiningTable, Question]] = []
        for table in tables:
            subject = await self._subject(draft, pool, table)
            asked += [(table, question) for question in mining.questions(table, subject, self._teaching)]
        answers = await ask_all(self._caller, [question for _, question in asked])
        draft.count(answers)
        template = self._teaching.template if self._teaching.embedded else None
        said: dict[str, list[Mined]] = {table.name: [] for table in tables}
        for (table, question), answer in zip(asked, answers, strict=True):
            one = mining.mined(table, question, answer, template)
            said[table.name].append(one)
            draft.mined.append(one)
        _raise_first(answers)
        return _labels(pool, tables, {table.name: mining.vote(said[table.name], graded=table.graded) for table in tables})

    async def _subject(self, draft: _Draft, pool: Pool, table: MiningTable) -> mining.Subject:
        found = draft.found
        subject = mining.Subject(query=found.query, answer=found.answer, passages=pool.of(table.over), seed=draft.seed)
        if not self._teaching.embedded or not subject.passages:
            return subject
        annotate = self._search(draft.table).annotate
        shown = await asyncio.to_thread(annotate, mining.evidence_query(table, subject), subject.passages)
        return replace(subject, passages=tuple(shown))

    # The list and its rankings.

    async def _take(self, draft: _Draft, chosen: Chosen, *, measure: bool = True) -> None:
        """Make a list the item's; its evidence is measured inside the list, because its values are relative."""
        if len(chosen.passages) < 2:
            raise _Nothing("there is nothing to rank: the list has one passage only")
        draft.passages, draft.origins, draft.notes = chosen.passages, chosen.origins, (*draft.notes, *chosen.notes)
        if measure and (self._reads_evidence or self._recipe.list.evidence):
            draft.passages = tuple(await asyncio.to_thread(self._search(draft.table).annotate, draft.found.query, _bare(chosen.passages)))

    async def _rank(self, draft: _Draft) -> None:
        listed = ranking.Listed(query=draft.found.query, passages=draft.passages, seed=draft.seed)
        asked = ranking.questions(self._recipe.ranking, listed, self._teaching)
        answers = await ask_all(self._caller, asked)
        draft.count(answers)
        _raise_first(answers)
        pairs = [(question, answer) for question, answer in zip(asked, answers, strict=True) if isinstance(answer, Completion)]
        samples = tuple(ranking.read_sample(question, answer, self._teaching, draft.seed) for question, answer in pairs)
        best = ranking.medoid(samples)
        if best is None:
            outcomes = ", ".join(one.outcome for one in samples)
            raise BackendError(f"no ranking of the teacher could be read ({outcomes}): see its answers, and whether its profile fits")
        draft.samples, draft.chosen = samples, best

    async def _take_ready(self, draft: _Draft, pool: Pool, labels: Labels) -> None:
        """The ranking that the source brings along; it needs no labels, but labels that find nothing relevant say that it is of no use."""
        ready, found = draft.found.ready, draft.found
        assert ready is not None
        known = {passage.id: passage for passage in found.passages}
        strange = [id_ for id_ in ready.shown if id_ not in known]
        if strange or len(set(ready.shown)) < len(ready.shown) or sorted(ready.order) != sorted(ready.shown):
            raise InputError(
                f"the ranking of query {found.id!r} is not one of its passages ({strange[:1] or 'ids are missing or repeated'}): "
                "leave the ranking out, so that the teacher makes one"
            )
        if len(ready.shown) > self._recipe.list.size:
            raise _Nothing(
                f"the source brings a ranking of {len(ready.shown)} passages, and lists hold {self._recipe.list.size}: raise size"
            )
        if labels.grades and not any(labels.positive(id_) for id_ in ready.shown):
            raise _Nothing("there is nothing to rank: no passage of the list that the source brings is relevant")
        passages = tuple(known[id_] for id_ in ready.shown)
        # A trace was written on the values that its passages bring along.
        held = all(name in passage.features for passage in passages for name in SIGNALS)
        await self._take(draft, Chosen(passages=passages, origins={id_: pool.origins[id_] for id_ in ready.shown}), measure=not held)
        draft.samples = (ranking.ready_sample(ready),)
        draft.teacher, draft.template = ready.rater, ready.template or draft.template


def _bare(passages: Sequence[Passage]) -> list[Passage]:
    """Passages without evidence, which may have been measured against something else."""
    return [replace(passage, features={}) for passage in passages]


def _raise_first(answers: Sequence[Answered]) -> None:
    for answer in answers:
        if isinstance(answer, BackendError):
            raise answer


def _labels(pool: Pool, tables: Sequence[MiningTable], votes: Mapping[str, Mapping[str, int]]) -> Labels:
    """The teacher's labels over all its tables: the highest grade counts, and what is relevant is no hard negative."""
    grades: dict[str, int] = {}
    hard: set[str] = set()
    asked: set[str] = set()
    for table in tables:
        if table.marks == "hard":
            hard |= {id_ for id_, grade in votes[table.name].items() if grade > 0}
            continue
        asked |= {passage.id for passage in pool.of(table.over)}
        for id_, grade in votes[table.name].items():
            grades[id_] = max(grade, grades.get(id_, 0))
    return Labels(grades=grades, by="teacher", hard=frozenset(hard), unknown=frozenset(asked - grades.keys()))


def _counting(human: Labels | None, teacher: Labels) -> Labels:
    """Whose labels count: people's where there are any; hard negatives are the teacher's either way."""
    return teacher if human is None else replace(human, hard=teacher.hard)


def _whose(labels: Labels | None, opinions: Sequence[Opinion]) -> LabelledBy:
    """Whose word counts: people who only ordered a list have graded nothing, and what it teaches is theirs all the same."""
    if labels is not None and labels.grades:
        return labels.by
    return "people" if any(one.order for one in opinions) else "teacher"


def _item(draft: _Draft, teaching: Teaching) -> Item:
    found, labels = draft.found, draft.labels
    return Item(
        number=draft.number,
        source_id=found.id,
        source=found.source,
        domain=found.domain,
        query=found.query,
        answer=found.answer,
        passages=draft.passages,
        origins=draft.origins,
        grades={passage.id: labels.grades.get(passage.id, 0) for passage in draft.passages} if labels else {},
        labelled_by=_whose(labels, found.opinions),
        mined=tuple(draft.mined),
        samples=draft.samples,
        chosen=draft.chosen,
        opinions=found.opinions,
        teacher=draft.teacher,
        template=draft.template,
        seed=draft.seed,
        licence=found.licence or draft.table.licence,
        trust=found.trust,
        notes=draft.notes,
        cost=teaching.cost(draft.completions),
        error=draft.error,
    )
