"""Pointwise mining: the teacher is shown query, gold answer and numbered passages, and says which of them help.

Answers are read as strictly as rankings are (`app.ranking.parsing`): the answer in full is `None`, or ids `[2] [4]`, or grades
`[2]=3 [4]=1`; reasoning is never read. Several samples see the passages in other orders, and the majority (of grades the lower median)
is the label. The embedded teacher reads no text: it grades evidence cards whose evidence is measured against the gold answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median_low

from app.ranking.models.nano.cards import MAX_CARDS
from app.ranking.parsing import inside_tags
from app.ranking.protocols import PromptTemplate
from app.ranking.values import Completion, Outcome, Passage, Prompt, Sampling

from .asking import Answered, Question
from .lists import seed_of, shuffled
from .prompts import mining_prompt
from .recipe import MiningTable
from .teaching import Teaching
from .values import Mined

STEP = "mine"
MOST = 3
"""The highest grade of a graded prompt."""

_NONE = re.compile(r"none\.?", re.IGNORECASE)
_IDS = re.compile(r"\[[0-9]+\](?:\s*\[[0-9]+\])*")
_GRADED = re.compile(r"\[[0-9]+\]\s*=\s*[0-9]+(?:\s+\[[0-9]+\]\s*=\s*[0-9]+)*")
_PAIR = re.compile(r"\[([0-9]+)\](?:\s*=\s*([0-9]+))?")
_IDS_AND_SEPARATORS = re.compile(r"[\s>,;|/\-=\[\]0-9.]*")
# A window never has that many passages; see app.ranking.parsing.
_MAX_DIGITS = 9
# Grades 0-49 of the embedded model from which a card counts as grade 1, 2, 3; where the table is not graded, what reaches the second is
# relevant. The steps with the highest quadratic kappa against people's grades over the demo set's training questions (0.62 there, 0.64 on
# its development questions; with evidence against the query instead of the gold answer 0.33 and 0.36).
NANO_STEPS = (16, 24, 28)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What an answer says: grades by 0-based position, those left out are 0; nothing is said where the outcome is no reading."""

    grades: Mapping[int, int]
    outcome: Outcome
    problems: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a table is asked about: the query, its gold answer, and the passages of the table's origin. `seed` is the item's."""

    query: str
    answer: str
    passages: tuple[Passage, ...]
    seed: int


def read_labels(completion: Completion, size: int, *, graded: bool) -> Read:
    """Read an answer about `size` passages; never raises on model text, never names a position that the answer doesn't.

    Outcomes as for rankings: clean; repaired (ids out of range, repeated ids or grades above 3 left out, at least half of what was named
    stands); truncated (the length limit came first, so that nobody knows what would have followed); refused; no_answer.
    """
    found = inside_tags(completion, tags=False)
    if found.reason or found.outcome == "refused":
        return Read(grades={}, outcome=found.outcome, problems=frozenset({found.reason} - {""}))
    if completion.finish in ("length", "cut"):
        return Read(grades={}, outcome="truncated", problems=found.trims)
    text, trims = found.text, found.trims
    if graded and text.endswith("."):
        text, trims = text[:-1], trims | {"final_period"}
    if _NONE.fullmatch(text):
        trims |= {"final_period"} if text.endswith(".") else set()
        return Read(grades={}, outcome="repaired" if trims else "clean", problems=trims)
    if not (_GRADED if graded else _IDS).fullmatch(text):
        shaped = _PAIR.search(text) and _IDS_AND_SEPARATORS.fullmatch(text)
        return Read(grades={}, outcome="no_answer", problems=frozenset({"bad_separator" if shaped else "not_a_list"}))
    return _read(_PAIR.findall(text), size, trims)


def _read(pairs: Sequence[tuple[str, str]], size: int, trims: frozenset[str]) -> Read:
    grades: dict[int, int] = {}
    problems = set(trims)
    for number, said in pairs:
        position = int(number) - 1 if len(number) <= _MAX_DIGITS else size
        grade = (int(said) if len(said) <= _MAX_DIGITS else MOST + 1) if said else 1
        if not 0 <= position < size or grade > MOST:
            problems.add("out_of_range")
        elif position in grades:
            problems.add("duplicate")
        else:
            grades[position] = grade
    if 2 * len(grades) < len(pairs):
        # Well formed, but not about these passages.
        return Read(grades={}, outcome="no_answer", problems=frozenset(problems | {"not_a_list"}))
    return Read(grades=grades, outcome="repaired" if problems else "clean", problems=frozenset(problems))


def questions(table: MiningTable, subject: Subject, teaching: Teaching) -> list[Question]:
    """All calls of a table about one item: every sample sees all passages, window by window, the first one in the order of the pool."""
    found: list[Question] = []
    by_id = {passage.id: passage for passage in subject.passages}
    window = min(table.window, MAX_CARDS) if teaching.embedded else table.window
    for sample in range(table.samples):
        order = list(by_id) if sample == 0 else shuffled(by_id, subject.seed, f"mine:{table.name}:{sample}")
        for part in _parts(order, window):
            prompt = _prompt(table, subject, [by_id[id_] for id_ in part], teaching)
            sampling = _sampling(table, teaching, seed_of(subject.seed, "mine", table.name, sample, *part, bits=31))
            found.append(Question(step=STEP, prompt=prompt, sampling=sampling, sample=sample, shown=tuple(part)))
    return found


def mined(table: MiningTable, question: Question, answer: Answered, template: PromptTemplate | None) -> Mined:
    """An answer as the item keeps it; a call without an answer has the outcome `error`. `template` is given where cards were graded."""
    if not isinstance(answer, Completion):
        return Mined(prompt=table.prompt, sample=question.sample, grades={}, outcome="error")
    size = len(question.shown)
    read = read_labels(answer, size, graded=table.graded) if template is None else read_cards(answer, size, template, graded=table.graded)
    grades: dict[str, int] = {}
    if read.outcome in ("clean", "repaired"):
        grades = {id_: read.grades.get(position, 0) for position, id_ in enumerate(question.shown)}
    return Mined(prompt=table.prompt, sample=question.sample, grades=grades, outcome=read.outcome, problems=tuple(sorted(read.problems)))


def read_cards(completion: Completion, size: int, template: PromptTemplate, *, graded: bool) -> Read:
    """The embedded model's grades on the labels' scale: see NANO_STEPS."""
    parsed = template.parse(completion, size)
    if parsed.scores is None:
        return Read(grades={}, outcome="no_answer" if parsed.outcome in ("clean", "repaired") else parsed.outcome, problems=parsed.problems)
    levels = (sum(score >= step for step in NANO_STEPS) for score in parsed.scores)
    grades = {position: level if graded else int(level >= 2) for position, level in enumerate(levels)}
    return Read(grades={position: grade for position, grade in grades.items() if grade}, outcome=parsed.outcome, problems=parsed.problems)


def vote(answers: Sequence[Mined], *, graded: bool) -> dict[str, int]:
    """Labels by id of every passage that a readable answer was about: named by more than half of them, or the lower median grade."""
    said: dict[str, list[int]] = {}
    for one in answers:
        for id_, grade in one.grades.items():
            said.setdefault(id_, []).append(grade)
    if graded:
        return {id_: median_low(grades) for id_, grades in said.items()}
    return {id_: int(2 * sum(grade > 0 for grade in grades) > len(grades)) for id_, grades in said.items()}


def _parts(order: Sequence[str], window: int) -> Iterator[list[str]]:
    """Windows of like size, none larger than `window`."""
    count = -(-len(order) // window)
    for number in range(count):
        yield list(order[len(order) * number // count : len(order) * (number + 1) // count])


def _prompt(table: MiningTable, subject: Subject, window: Sequence[Passage], teaching: Teaching) -> Prompt:
    if teaching.embedded:
        return teaching.template.render(evidence_query(table, subject), window, teaching.tokenizer)
    return mining_prompt(table.prompt).render(subject.query, subject.answer, window, teaching.tokenizer)


def evidence_query(table: MiningTable, subject: Subject) -> str:
    """What evidence is measured against: the gold answer; for hard negatives the query, because that is what they look like."""
    return subject.query if table.marks == "hard" or not subject.answer.strip() else subject.answer


def _sampling(table: MiningTable, teaching: Teaching, seed: int) -> Sampling:
    """How the answer is decoded: nothing of it comes from the listwise profile, so that a changed profile asks nothing again."""
    if teaching.embedded:
        return replace(teaching.sampling, max_tokens=teaching.template.sampling.max_tokens, seed=None)
    teacher = teaching.recipe.teacher
    limit = teaching.limit or mining_prompt(table.prompt).max_tokens
    return Sampling(temperature=teacher.temperature, top_p=teacher.top_p, max_tokens=limit, seed=seed if teacher.temperature > 0 else None)
