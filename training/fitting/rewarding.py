"""The rewards of `training.rewards` as a function that GRPO trainers call, with every view on the curves and every answer kept.

A view that has nothing to say gives None: it is left out of that view's mean and adds nothing to the total. Grades come as JSON text,
because a table's column would merge the keys of all rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.ranking.errors import SettingsError
from app.ranking.parsing import CLOSE_THINK, OPEN_THINK
from app.ranking.values import Target
from training.rewards import Reward, Rewarded, reward

EXTRA = ("parts", "outcome", "example")
"""Columns that are kept beside each answer: the views' scores as JSON text, the outcome, the example's id."""


def reward_of(name: str, without: Sequence[str] = ()) -> Reward:
    """A reward by name with some of its views left out. Raises SettingsError for a reward or a view that does not exist."""
    whole = reward(name)
    unknown = [view for view in without if view not in whole.views]
    if unknown:
        raise SettingsError(f"the reward {name!r} has no view {', '.join(unknown)}: there are {', '.join(whole.views)}")
    return replace(whole, views={view: weighed for view, weighed in whole.views.items() if view not in without})


class Scored:
    """A reward function as TRL calls it: all lists have one entry per answer. `opened`: the prompt ended with `<think>` already.

    `rollouts` counts the calls, so that one who keeps answers can tell new ones from those that are learned from a second time.
    """

    def __init__(self, used: Reward, *, opened: bool) -> None:
        self.__name__ = "reward"  # what the trainer calls its column
        self._reward, self._opened = used, opened
        self.rollouts = 0

    def __call__(
        self,
        *,
        completions: Sequence[Any],
        log_extra: Callable[[str, list[Any]], None],
        log_metric: Callable[[str, float], None],
        **columns: Sequence[Any],
    ) -> list[float]:
        """The rewards. Columns: shown and teacher_order (passage ids), grades (JSON text by id), id (of the example)."""
        self.rollouts += 1
        given = zip(completions, columns["shown"], columns["grades"], columns["teacher_order"], strict=True)
        made = [
            self._reward(text_of(answer, opened=self._opened), shown, Target(grades=_grades(grades), teacher_order=tuple(order)))
            for answer, shown, grades, order in given
        ]
        for name, value in means(made, tuple(self._reward.views)).items():
            log_metric(name, value)
        kept = ([json.dumps(dict(one.parts)) for one in made], [one.outcome for one in made], list(columns["id"]))
        for column, values in zip(EXTRA, kept, strict=True):
            log_extra(column, values)
        return [one.total for one in made]


def means(made: Sequence[Rewarded], views: Sequence[str]) -> dict[str, float]:
    """Mean of each view over the answers for which it had something to say, as `reward.VIEW`, and the share of `clean` answers."""
    said = {view: [one.parts[view] for one in made if one.parts.get(view) is not None] for view in views}
    shares = {f"reward.{view}": sum(score or 0.0 for score in scores) / len(scores) for view, scores in said.items() if scores}
    return {**shares, "clean": sum(one.outcome == "clean" for one in made) / max(1, len(made))}


def text_of(answer: Any, *, opened: bool) -> str:
    """An answer as one text with all its tags, from TRL's one-message list or text.

    Where the chat template has written `<think>`, it is put back; where a response parser has taken the trace out, it is put back too.
    """
    if isinstance(answer, str):
        return f"{OPEN_THINK}{answer}" if opened else answer
    message: Mapping[str, Any] = answer[0]
    content = str(message.get("content") or "")
    reasoning = message.get("reasoning_content") or message.get("thinking")
    if reasoning:
        return f"{OPEN_THINK}{reasoning}{CLOSE_THINK}{content}"
    return f"{OPEN_THINK}{content}" if opened else content


def _grades(text: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(text)
    return found
