"""Questions to a teacher as values, made before any is asked, so that what is asked never depends on which answer came first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.ranking.errors import BackendError
from app.ranking.values import Completion, Prompt, Sampling

if TYPE_CHECKING:
    from .calls import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One call: `shown` are passage ids in the order of the prompt, `sample` counts from 0 how often the same is asked."""

    step: str
    prompt: Prompt
    sampling: Sampling
    sample: int
    shown: tuple[str, ...]


Answered = Completion | BackendError


async def ask_all(caller: Caller, questions: Sequence[Question]) -> list[Answered]:
    """The answers in the order of the questions; a call that failed is its error.

    All are waited for before any other error is raised: a spent budget, or what is no failure of the model.
    """
    calls = (caller.ask(one.step, one.prompt, one.sampling, one.sample) for one in questions)
    found: list[Answered] = []
    for answer in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(answer, BaseException) and not isinstance(answer, BackendError):
            raise answer
        found.append(answer)
    return found
