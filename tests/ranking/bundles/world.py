"""A small world of files in which differences can be planted, and a model that really reacts to whatever it is shown.

`World(folder, seed)` writes two sets: topics, corpora, first-stage runs, judgements and a prompt profile. `evaluated` reads all of it anew
and evaluates. The model's order follows from marks in the texts that it is shown, and from luck that hangs on every byte of the prompt, on
its revision and on the seed: so that what is planted moves what it moves for real models, and nothing else does.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.ranking.evaluation.bundles.evaluating import Plain, Watching, evaluate
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.bundles.values import Header
from app.ranking.evaluation.suites.values import TestCollection
from app.ranking.formats.topics import read_topics
from app.ranking.formats.trec import read_qrels, read_run, write_qrels
from app.ranking.profile_import import load_profile_file
from app.ranking.prompts import ProfileTemplate, prompt_text
from app.ranking.protocols import Strategy
from app.ranking.ranker import Ranker
from app.ranking.response_cache import ResponseCache
from app.ranking.strategies import Sliding
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Completion, Delta, Prompt, Sampling

SETS, TOPICS, PASSAGES = ("biology", "law"), 8, 24
MEASURES = ("nDCG@10", "RR@10")
_PROFILE = """name = "{name}"
unit = "list"
[[turns]]
role = "user"
text = "{wish}{{query}}\\n{{passages}}\\nAnswer with {{num}} numbers, best first."
[passages]
tokens = 40
"""
_PASSAGE = re.compile(r"^\[(\d+)\] (.*)$", re.MULTILINE)


class Reacting:
    """Implements `protocols.Backend`: marks in the texts decide, and luck that any byte of the prompt, revision or seed changes."""

    name = "reacting"
    can: frozenset[str] = frozenset()

    def __init__(self, revision: str = "r1") -> None:
        self.revision = revision
        self.tokenizer = WordTokenizer()
        self.asked = 0

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        self.asked += 1
        passages = [(int(number), text) for number, text in _PASSAGE.findall(prompt.messages[-1].content)]
        luck = hashlib.sha256(f"{prompt_text(prompt)} {self.revision} {sampling.seed}".encode()).hexdigest()
        grades = {number: text.split().count("mark") + 2.5 * random.Random(f"{luck} {number}").random() for number, text in passages}
        best = sorted(grades, key=lambda number: -grades[number])
        answer = f"<answer>{' > '.join(f'[{number}]' for number in best)}</answer>"
        yield Completion(answer=answer, tokens_in=100 + len(passages), tokens_out=len(best), counted=True, seconds=0.5)

    async def aclose(self) -> None:
        return None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an evaluation is told, beside its files."""

    revision: str = "r1"
    seed: int = 1
    strategy: Strategy = field(default_factory=lambda: Sliding(size=8, step=4))
    profile: str = "plain.toml"
    passage_tokens: int | None = None
    name: str = "reacting"
    made: dict[str, Any] = field(default_factory=lambda: {"date": "2026-11-01", "commit": "c", "python": "3", "packages": {}})


class World:
    """The files of one world in a folder. The same seed writes the same world."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        folder.mkdir()
        (folder / "plain.toml").write_text(_PROFILE.format(name="plain", wish="Rank these passages by their use for the query: "))
        (folder / "other.toml").write_text(_PROFILE.format(name="other", wish="Which passages would an expert read first? "))
        for name in SETS:
            self._write_set(name, random.Random(f"{seed} {name}"))

    def _write_set(self, name: str, dice: random.Random) -> None:
        topics = {f"{number}": f"{name} question {number} of {self.seed}" for number in range(TOPICS)}
        corpus, run, qrels = [], [], dict[str, dict[str, int]]()
        for topic in topics:
            ids = [f"{name}-{topic}-{number}" for number in range(PASSAGES)]
            qrels[topic] = {id_: 2 - at // 3 for at, id_ in enumerate(dice.sample(ids, 6))}
            for at, id_ in enumerate(ids):
                marks = qrels[topic].get(id_, 0)
                filler = [f"word{dice.randrange(500)}" for _ in range(20 + at % 7)]
                # Marks stand far back, so that a passage that is cut loses them.
                corpus.append({"_id": id_, "text": " ".join([*filler, *["mark"] * marks, "end"])})
            dice.shuffle(ids)
            run += [f"{topic} Q0 {id_} {rank} {PASSAGES - rank}.5 first\n" for rank, id_ in enumerate(ids, start=1)]
        self.path(name, "topics.jsonl").write_text("".join(json.dumps({"_id": id_, "text": text}) + "\n" for id_, text in topics.items()))
        self.path(name, "corpus.jsonl").write_text("".join(json.dumps(line) + "\n" for line in corpus))
        self.path(name, "run").write_text("".join(run))
        self.path(name, "qrels").write_text("".join(write_qrels(qrels)))

    def path(self, name: str, kind: str) -> Path:
        """A file of a set."""
        return self.folder / f"{name}.{kind}"

    def collections(self) -> tuple[TestCollection, ...]:
        """The sets as their files are now."""
        return tuple(self._collection(name) for name in SETS)

    def _collection(self, name: str) -> TestCollection:
        qrels = read_qrels(self.path(name, "qrels").read_text())
        run = read_run(self.path(name, "run").read_text())
        files = {"qrels": "qrels", "run": "run", "topics": "topics.jsonl", "corpus": "corpus.jsonl"}
        return TestCollection(
            suite="small",
            name=name,
            title=name.title(),
            topics=read_topics(self.path(name, "topics.jsonl")),
            qrels=qrels,
            run={topic: tuple(sorted(scores.items(), key=lambda item: -item[1])) for topic, scores in run.items()},
            corpus=self.path(name, "corpus.jsonl"),
            in_source=name == "law",
            hashes={kind: hashlib.sha256(self.path(name, file).read_bytes()).hexdigest() for kind, file in files.items()},
        )

    def ranker(self, settings: Settings) -> Ranker:
        """The model under its settings."""
        template = load_profile_file(self.folder / settings.profile)
        assert isinstance(template, ProfileTemplate)
        if settings.passage_tokens is not None:
            profile = template.profile
            template = ProfileTemplate(replace(profile, passages=replace(profile.passages, tokens=settings.passage_tokens)))
        return Ranker(
            backend=Reacting(settings.revision),
            template=template,
            strategy=settings.strategy,
            sampling=replace(template.sampling, seed=settings.seed),
        )

    def evaluated(self, out: Path, settings: Settings | None = None, cache: ResponseCache | None = None) -> Bundle:
        """A bundle of the world as it is now."""
        settings = settings or Settings()
        header = Header(name=settings.name, suite="small", made=settings.made, depth=PASSAGES, measures=MEASURES)
        return evaluate(self.collections(), Plain(ranker=self.ranker(settings)), header, out, cache, Watching(at_once=4))


def packed(path: Path) -> list[bytes]:
    """Lines of a packed file."""
    return gzip.decompress(path.read_bytes()).splitlines()
