"""The embedded model beside what it has to match: `python benchmarks/embedded.py [--weights DIR ...] [--cores 1 2] [--cost-only]`.

Quality: NDCG@10 with 95 % intervals (percentile bootstrap over topics) of BM25, MiniLM, RRF, the untrained evidence sum (`signals`), a
linear ranker fitted on the demo's train split, the plan rule written out exactly, and the embedded model, on the demo's dev split and,
where present, NovelEval and EntailmentBank dev (evaluation only). Several --weights are several seeds.
Cost: seconds and tokens per 20 passages on 1 and 2 cores, alone and 20 lists at once, the whole path over the indexed demo, peak memory,
and the same weights through transformers' generate. Everything runs in this process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.ranking.backends.nano import WEIGHTS, load_model  # noqa: E402
from app.ranking.cache import Cache  # noqa: E402
from app.ranking.evaluation.metrics import ndcg  # noqa: E402
from app.ranking.evaluation.significance import bootstrap, paired_bootstrap  # noqa: E402
from app.ranking.evidence import SIGNALS, by_evidence, digits  # noqa: E402
from app.ranking.models.nano import cards as nano  # noqa: E402
from app.ranking.models.nano.decoding import generate  # noqa: E402
from app.ranking.models.nano.plans import usual_plan  # noqa: E402
from app.ranking.models.nano.template import NanoTemplate  # noqa: E402
from app.ranking.models.nano.vocabulary import NanoTokenizer, chat_text, decode, encode  # noqa: E402
from app.ranking.parsing import split_thinking  # noqa: E402
from app.ranking.retrieval.collection import make_collection  # noqa: E402
from app.ranking.retrieval.demo import VECTORS, load_demo  # noqa: E402
from app.ranking.retrieval.embedder import default_embedder  # noqa: E402
from app.ranking.retrieval.hybrid import fuse  # noqa: E402
from app.ranking.retrieval.index import SearchIndex  # noqa: E402
from app.ranking.values import Completion, Passage  # noqa: E402

DATA = Path(os.environ.get("REASONRANK_GOLDENS", ROOT.parent / "shared" / "data"))
Order = list[str]
Ranker = Callable[["Topic"], Order]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A query, its annotated candidates in the order of RRF, and their grades."""

    id: str
    query: str
    passages: list[Passage]
    grades: Mapping[str, int]


def topics(raw: Sequence[tuple[str, str, Sequence[Passage], Mapping[str, int]]], committed: Path | None = None) -> list[Topic]:
    """Annotate candidate lists with the statistics of all their passages, and put them into the order of RRF."""
    seen = {passage.id: passage for _, _, passages, _ in raw for passage in passages}
    corpus = load_demo().collection if committed else make_collection(seen.values(), "benchmark")
    with tempfile.TemporaryDirectory() as folder:
        index = SearchIndex.open(corpus, Cache(Path(folder)), default_embedder(), committed=committed)
        found = []
        for id_, query, passages, grades in raw:
            listed = index.signals.annotate(query, passages)
            first = fuse([by_feature(listed, "bm25"), by_feature(listed, "cosine")], len(listed))
            by_id = {passage.id: passage for passage in listed}
            found.append(Topic(id=id_, query=query, passages=[by_id[passage.id] for passage in first], grades=grades))
    return found


def by_feature(passages: Sequence[Passage], name: str) -> list[Passage]:
    """Passages by a raw evidence value, best first."""
    return sorted(passages, key=lambda passage: (-passage.features[name], passage.id))


def demo_topics(split: str) -> list[Topic]:
    """A split of the demo collection."""
    demo = load_demo()
    return topics([(q.id, q.text, demo.listed(q.id), demo.qrels[split][q.id]) for q in demo.queries if q.id in demo.qrels[split]], VECTORS)


def outside_sets() -> Iterator[tuple[str, list[Topic]]]:
    """NovelEval and EntailmentBank dev, where they lie beside the project."""
    folder = DATA / "noveleval"
    if folder.is_dir():
        queries, texts, grades = _tsv(folder / "queries.tsv"), _tsv(folder / "corpus.tsv"), _qrels(folder / "qrels.txt")
        lists = {id_: [Passage(id=p, text=text) for p, text in texts.items() if p.split("-")[0] == id_] for id_ in queries}
        yield "noveleval", topics([(id_, query, lists[id_], grades[id_]) for id_, query in queries.items()])
    folder = DATA / "entailmentbank_dev"
    if folder.is_dir():
        grades = _qrels(folder / "qrels.txt")
        windows = [json.loads(line) for line in (folder / "windows.jsonl").read_text(encoding="utf-8").splitlines()]
        rows = [
            (w["qid"], w["query"], [Passage(id=c["docid"], text=c["text"]) for c in w["candidates"]], grades[w["qid"]]) for w in windows
        ]
        yield "entailmentbank_dev", topics(rows)


def _tsv(path: Path) -> dict[str, str]:
    rows = (line.split("\t", 1) for line in path.read_text(encoding="utf-8").splitlines())
    return {cells[0]: cells[1] for cells in rows}


def _qrels(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        query, _, passage, grade = line.split()
        found.setdefault(query, {})[passage] = int(grade)
    return found


def linear_ranker(train: Sequence[Topic]) -> Ranker:
    """Pairwise logistic regression on the six scaled signals."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    differences: list[Any] = []
    for topic in train:
        rows = [(np.array([p.features[name] for name in SIGNALS]), topic.grades.get(p.id, 0)) for p in topic.passages]
        differences += [a - b for a, grade in rows for b, other in rows if grade > other]
    both = np.array([*differences, *(-d for d in differences)])
    weights = LogisticRegression(fit_intercept=False).fit(both, [1] * len(differences) + [0] * len(differences)).coef_[0]

    def score(passage: Passage) -> float:
        return float(sum(w * passage.features[name] for w, name in zip(weights, SIGNALS, strict=True)))

    return lambda topic: [passage.id for passage in sorted(topic.passages, key=score, reverse=True)]


def rule_ranker(topic: Topic) -> Order:
    """The plan rule with exact arithmetic: what the embedded model was taught."""
    rows = [digits(passage) for passage in topic.passages]
    order = nano.best_order([nano.grade(usual_plan(rows), row) for row in rows])
    return [topic.passages[at].id for at in order]


class Nano:
    """The embedded model as a ranker; remembers how true its traces were."""

    def __init__(self, folder: Path) -> None:
        self.model = load_model(folder)
        self.checks: list[nano.Faithfulness] = []
        self.plan_right: list[bool] = []

    def __call__(self, topic: Topic) -> Order:
        rows = [digits(passage) for passage in topic.passages]
        written = generate(self.model, [encode(chat_text(nano.prompt_text(topic.query, rows)))])[0]
        reasoning, answer = split_thinking(decode(written[:-1]))
        parsed = NanoTemplate().parse(Completion(reasoning=reasoning, answer=answer), len(rows))
        assert parsed.outcome == "clean", parsed
        self.checks.append(nano.faithfulness(reasoning, parsed.order, rows))
        read = nano.read_plan(reasoning)
        self.plan_right.append(read is not None and read[0] == usual_plan(rows))
        return [topic.passages[at].id for at in parsed.order]


def quality(weights: Sequence[Path]) -> None:
    """Print one table per set, and the truth of the traces."""
    fixed: dict[str, Ranker] = {
        "bm25": lambda topic: [p.id for p in by_feature(topic.passages, "bm25")],
        "minilm": lambda topic: [p.id for p in by_feature(topic.passages, "cosine")],
        "rrf": lambda topic: [p.id for p in topic.passages],
        "signals": lambda topic: [p.id for p in by_evidence(topic.passages)],
        "linear": linear_ranker(demo_topics("train")),
        "rule": rule_ranker,
    }
    for name, found in [("demo dev", demo_topics("dev")), *outside_sets()]:
        models = {f"nano {path.name}": Nano(path) for path in weights}
        rankers: dict[str, Ranker] = {**fixed, **models}
        print(f"\n{name}, n={len(found)}: NDCG@10 [95 % interval], and the difference from signals")
        base = {topic.id: ndcg(fixed["signals"](topic), topic.grades) for topic in found}
        for label, ranker in rankers.items():
            values = {topic.id: ndcg(ranker(topic), topic.grades) for topic in found}
            print(f"  {label:16} {bootstrap(list(values.values()))}   {paired_bootstrap(values, base)}")
        for label, model in models.items():
            print(
                f"  {label:16} grade error {mean(c.grade_error for c in model.checks):.2f} of 49, wrong reasons "
                f"{mean(c.reason_error for c in model.checks):.1%}, plan as taught {mean(model.plan_right):.1%}"
            )


def cost(folder: Path, cores: int) -> None:
    """Print seconds and tokens per list of 20 passages on so many cores: the model alone, 20 lists at once, and the whole path."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))
    model, rng = load_model(folder), random.Random(1)
    lists = [[tuple(rng.randrange(10) for _ in range(6)) for _ in range(20)] for _ in range(30)]
    prompts = [encode(chat_text(nano.prompt_text("why does it melt?", rows))) for rows in lists]
    written = generate(model, prompts[:1])[0]
    alone = timed(lambda prompt: generate(model, [prompt]), prompts)
    start = time.perf_counter()
    generate(model, prompts[:20])
    together = time.perf_counter() - start
    print(
        f"{cores} core(s): {len(prompts[0])} tokens in, {len(written)} out; one list {median(alone):.3f} s median, "
        f"{sorted(alone)[-2]:.3f} s worst but one of {len(alone)}; 20 lists at once {together:.2f} s"
    )
    demo, template = load_demo(), NanoTemplate()
    with tempfile.TemporaryDirectory() as cache:
        index = SearchIndex.open(demo.collection, Cache(Path(cache)), default_embedder(), committed=VECTORS)

    def path(query: str) -> None:
        shown = index.signals.annotate(query, index.search(query, 20))
        generate(model, [encode(chat_text(template.render(query, shown, NanoTokenizer()).messages[0].content))])

    path(demo.queries[0].text)
    whole = timed(path, [query.text for query in demo.queries[1:31]])
    print(
        f"{cores} core(s): search, evidence and model over the demo {median(whole):.3f} s median, {sorted(whole)[-2]:.3f} s worst but one"
    )


def timed(work: Callable[[Any], object], items: Sequence[Any]) -> list[float]:
    """Seconds per item."""
    seconds = []
    for item in items:
        start = time.perf_counter()
        work(item)
        seconds.append(time.perf_counter() - start)
    return seconds


def rival(folder: Path) -> None:
    """Print the same lists through transformers' own generate: greedy, as many new tokens, without the grammar."""
    import torch
    from transformers import Qwen3ForCausalLM

    torch.set_num_threads(1)
    model, rng = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), random.Random(1)
    lists = [[tuple(rng.randrange(10) for _ in range(6)) for _ in range(20)] for _ in range(12)]
    prompts = [torch.tensor([encode(chat_text(nano.prompt_text("why does it melt?", rows)))]) for rows in lists]

    def write(ids: Any) -> None:
        model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=108, min_new_tokens=108, do_sample=False)

    write(prompts[0])
    print(f"transformers generate, 1 thread: one list {median(timed(write, prompts)):.3f} s median (unconstrained, 108 new tokens)")


def main() -> None:
    """Parse arguments and print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, nargs="+", default=[WEIGHTS])
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--cost-only", action="store_true", help="leave the quality tables out")
    arguments = parser.parse_args()
    for cores in arguments.cores:
        cost(arguments.weights[0], cores)
    print(f"peak memory of all this {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB (with the embedding model)")
    rival(arguments.weights[0])
    if not arguments.cost_only:
        quality(arguments.weights)


if __name__ == "__main__":
    main()
