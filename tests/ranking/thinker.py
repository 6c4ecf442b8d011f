"""A backend that thinks aloud and can continue a begun answer: for the thinking controls, the cache and the driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from app.ranking.errors import BackendError
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Completion, Delta, Finish, Prompt, Sampling

Answers = Callable[[Prompt], str]


def list_of(*numbers: int) -> str:
    """An answer in tags."""
    return f"<answer>{' > '.join(f'[{number}]' for number in numbers)}</answer>"


class Thinker:
    """Writes `trace` word by word, then what `answer(prompt)` says; a begun answer is continued with what `forced(prompt)` says.

    `limit` cuts the trace after that many words, with finish `length`. `pause` seconds between words. Keeps all prompts, and the number
    of words it wrote before it was stopped.
    """

    name = "thinker"
    revision = "r1"

    def __init__(self, trace: str, answer: Answers, forced: Answers | None = None, *, limit: int = 0, pause: float = 0.0) -> None:
        self.can = frozenset({"prefix"}) if forced else frozenset[str]()
        self.tokenizer = WordTokenizer()
        self.prompts: list[Prompt] = []
        self.samplings: list[Sampling] = []
        self.wrote = 0
        self._trace, self._answer, self._forced, self._limit, self._pause = trace.split(), answer, forced, limit, pause

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        self.prompts.append(prompt)
        self.samplings.append(sampling)
        if prompt.prefix:
            if self._forced is None:
                raise BackendError("thinker can't continue")
            said = self._forced(prompt)
            yield Delta(channel="answer", text=said)
            trace, _, begun = prompt.prefix.partition("</think>")
            answer = begun.lstrip() + said.removeprefix("<answer>") if "<answer>" in begun else said
            yield Completion(answer=answer, reasoning=trace.removeprefix("<think>"), tokens_in=10, tokens_out=3, counted=True)
            return
        finish: Finish = "length" if self._limit else "stop"
        words = self._trace[: self._limit] if self._limit else self._trace
        for word in words:
            await asyncio.sleep(self._pause)
            self.wrote += 1
            yield Delta(channel="reasoning", text=word + " ")
        answer = "" if self._limit else self._answer(prompt)
        if answer:
            yield Delta(channel="answer", text=answer)
        reasoning = "".join(word + " " for word in words)
        yield Completion(answer=answer, reasoning=reasoning, finish=finish, tokens_in=7, tokens_out=len(words) + 5, counted=True)

    async def aclose(self) -> None:
        return None
