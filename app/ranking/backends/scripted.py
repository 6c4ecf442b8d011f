"""A backend that says what it is told to: for tests, for demonstrations of a page, and as the shortest example of the seam."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable

from ..errors import BackendError
from ..parsing import ThinkSplitter, split_thinking
from ..tokens import WordTokenizer
from ..values import Completion, Delta, Prompt, Sampling


class Scripted:
    """Answers call by call from `answers` (text with inline think tags, a ready Completion, or an error to raise).

    Streams each text in pieces of `piece` characters with `pause` seconds between them. Raises BackendError when asked more often
    than there are answers.
    """

    name = "scripted"
    revision = ""
    can: frozenset[str] = frozenset()

    def __init__(self, answers: Iterable[str | Completion | BackendError], *, piece: int = 16, pause: float = 0.0) -> None:
        self.tokenizer = WordTokenizer()
        self.prompts: list[Prompt] = []
        self._answers = iter(answers)
        self._piece, self._pause = piece, pause

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        """See `protocols.Backend`."""
        self.prompts.append(prompt)
        answer = next(self._answers, BackendError(f"the script has no answer for call {len(self.prompts)}: give it one per call"))
        if isinstance(answer, BackendError):
            raise answer
        if isinstance(answer, Completion):
            yield answer
            return
        splitter = ThinkSplitter()
        for start in range(0, len(answer), self._piece):
            await asyncio.sleep(self._pause)
            for channel, text in splitter.feed(answer[start : start + self._piece]):
                yield Delta(channel=channel, text=text)
        for channel, text in splitter.close():
            yield Delta(channel=channel, text=text)
        reasoning, said = split_thinking(answer)
        count = self.tokenizer.count
        tokens_in = sum(count(message.content) for message in prompt.messages)
        yield Completion(answer=said, reasoning=reasoning, tokens_in=tokens_in, tokens_out=count(answer))

    async def aclose(self) -> None:
        """Nothing is held."""
