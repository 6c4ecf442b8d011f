"""Models and lists to measure, made of nothing heavy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from app.ranking.batch import Topic
from app.ranking.errors import BackendError
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Completion, Delta, Prompt, Sampling
from tests.conftest import passages
from training.evaluation.sets import TopicSet

Says = Callable[[Prompt], str]


class Model:
    """A backend whose answer is a function of the prompt; "fail" makes the call fail. Remembers how it was asked, in turn."""

    name = "fake"
    can: frozenset[str] = frozenset()
    tokenizer = WordTokenizer()

    def __init__(self, says: Says, revision: str = "r1", log: list[str] | None = None) -> None:
        self.says, self.revision, self.log = says, revision, [] if log is None else log
        self.samplings: list[Sampling] = []

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncIterator[Delta | Completion]:
        self.samplings.append(sampling)
        self.log.append(self.revision)
        text = self.says(prompt)
        if text == "fail":
            raise BackendError("no answer came")
        yield Completion(reasoning=f"thought of {self.revision}", answer=text)

    async def aclose(self) -> None:
        return None


def chain(order: Sequence[int]) -> str:
    """An answer; `order` are 1-based numbers, best first."""
    return f"<answer> {' > '.join(f'[{one}]' for one in order)} </answer>"


def forwards(prompt: Prompt) -> str:
    """Keeps the incoming order."""
    return chain(range(1, prompt.size + 1))


def backwards(prompt: Prompt) -> str:
    """Turns the incoming order round."""
    return chain(range(prompt.size, 0, -1))


def lists(name: str = "gold", many: int = 3, size: int = 4) -> TopicSet:
    """Lists whose last passage is the only one that is wanted; the domains are `even` and `odd`."""
    topics = tuple(Topic(id=f"{name}{at}", query=f"question {at} of {name}", passages=tuple(passages(size))) for at in range(many))
    judges = {topic.id: ({f"p{size}": 2},) for topic in topics}
    domains = {topic.id: "odd" if at % 2 else "even" for at, topic in enumerate(topics)}
    return TopicSet(name=name, topics=topics, judges=judges, domains=domains)
