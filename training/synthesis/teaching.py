"""The teacher of a synthesis: a model of the models file or the embedded one, with the profile, decoding and prices it is asked under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.ranking.backends.entries import MAKERS, why_not
from app.ranking.errors import SettingsError, TemplateError
from app.ranking.protocols import Backend, PromptTemplate, Tokenizer
from app.ranking.values import Completion, Sampling
from app.settings import ModelEntry
from training.synthesis.recipe import EMBEDDED, Recipe, ranking_template, recipe_id
from training.synthesis.values import Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """Whom a synthesis asks, and how. `template` and `sampling` are for the listwise question; `recipe` has nothing left open.

    Prices are per million tokens in `currency`. `embedded` says that the teacher reads evidence cards, never text. `limit` bounds the
    tokens of any answer, 0 where the prompt says so itself.
    """

    name: str
    revision: str
    recipe: Recipe
    backend: Backend
    template: PromptTemplate
    sampling: Sampling
    limit: int = 0
    price_in: float = 0.0
    price_out: float = 0.0
    currency: str = "USD"
    embedded: bool = False

    @property
    def tokenizer(self) -> Tokenizer:
        """Counts and cuts in the teacher's tokens."""
        return self.backend.tokenizer

    @property
    def synthesis_id(self) -> str:
        """`recipe_id` of the resolved recipe with this teacher."""
        return recipe_id(self.recipe, self.revision)

    def cost(self, completions: Sequence[Completion]) -> Cost:
        """What some calls took, whether they were sent or answered from the store. Money in `currency`."""
        read, written = sum(one.tokens_in for one in completions), sum(one.tokens_out for one in completions)
        money = (read * self.price_in + written * self.price_out) / 1e6
        return Cost(calls=len(completions), tokens_in=read, tokens_out=written, cost=money)


def entry_for(models: Sequence[ModelEntry], recipe: Recipe) -> ModelEntry | None:
    """The entry of the models file that the recipe names; None for the embedded model. Raises SettingsError listing the names."""
    found = next((entry for entry in models if entry.name == recipe.teacher.model), None)
    if found is None and recipe.teacher.model != EMBEDDED:
        known = ", ".join([EMBEDDED, *(entry.name for entry in models)])
        raise SettingsError(f"the teacher {recipe.teacher.model!r} is not in the models file: use one of {known}, or add it there")
    return found


def resolved(recipe: Recipe, entry: ModelEntry | None) -> Recipe:
    """The recipe with what it leaves to the teacher filled in: profile, token limit."""
    profile = EMBEDDED if entry is None or entry.backend == EMBEDDED else entry.profile
    limit = recipe.teacher.max_tokens or (entry.max_tokens if entry else 0)
    ranking = replace(recipe.ranking, template=recipe.ranking.template or profile)
    return replace(recipe, ranking=ranking, teacher=replace(recipe.teacher, max_tokens=limit))


def teaching_for(entry: ModelEntry | None, recipe: Recipe) -> Teaching:
    """The teacher of a recipe, its backend made but not loaded; close it with `backend.aclose()`.

    `entry` None is the embedded model. Raises SettingsError where the model can't be used, or can't read the recipe's profile.
    """
    recipe = resolved(recipe, entry)
    template = ranking_template(recipe)
    assert template is not None  # `resolved` names one
    embedded = entry is None or entry.backend == EMBEDDED
    if template.unit != "list":
        raise TemplateError(f"profile {template.name!r} asks about a {template.unit}: a teacher ranks lists, choose a listwise profile")
    if embedded != (template.name == EMBEDDED):
        whose = "the embedded model reads" if embedded else f"{recipe.teacher.model!r} can't read"
        raise SettingsError(f"{whose} the profile {EMBEDDED!r} only, and the recipe says {template.name!r}: leave template empty")
    if entry is not None and (reason := _reason(entry)):
        raise SettingsError(f"the teacher {entry.name!r} can't be used: {reason}")
    backend = _backend(entry)
    teacher = recipe.teacher
    sampling = replace(template.sampling, temperature=teacher.temperature, top_p=teacher.top_p, top_logprobs=0)
    if teacher.max_tokens:
        sampling = replace(sampling, max_tokens=teacher.max_tokens)
    return Teaching(
        name=entry.name if entry else EMBEDDED,
        revision=backend.revision,
        recipe=recipe,
        backend=backend,
        template=template,
        sampling=sampling,
        limit=teacher.max_tokens,
        price_in=entry.price_in if entry else 0.0,
        price_out=entry.price_out if entry else 0.0,
        currency=entry.currency if entry else "USD",
        embedded=embedded,
    )


def _reason(entry: ModelEntry) -> str:
    if entry.backend not in MAKERS:
        return f"backend {entry.backend!r} is unknown, use one of {', '.join(MAKERS)}"
    return why_not(entry)


def _backend(entry: ModelEntry | None) -> Backend:
    if entry is not None:
        return MAKERS[entry.backend](entry)
    from app.ranking.backends.nano import NanoBackend

    return NanoBackend()
