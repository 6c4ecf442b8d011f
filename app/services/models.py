"""The models a page may ask for, by name only: no address, path or key ever leaves this file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from app.ranking.backends.entries import MAKERS, why_not
from app.ranking.errors import BackendUnavailable, InputError, SettingsError
from app.ranking.options import Options
from app.ranking.prompts import template_for
from app.ranking.protocols import Backend, PromptTemplate
from app.ranking.ranker import Ranker
from app.ranking.units import template_for_unit
from app.services.actors import Actor, require
from app.services.backends import Backends, Lease
from app.settings import ModelEntry

UNTRAINED = ("signals", "first_stage")


@runtime_checkable
class Warmable(Protocol):
    """A backend that can load its weights before the first call."""

    async def warm(self) -> None:
        """Load now."""
        ...


@runtime_checkable
class Checkable(Protocol):
    """A backend that can ask its server whether a call could succeed."""

    async def check(self) -> str:
        """Why not, in a sentence; empty where it may."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model as it is offered. `reason` says why it can't be used, empty where it can; `routed`: a router can decide whether it thinks."""

    name: str
    label: str
    about: str
    reason: str = ""
    routed: bool = False

    @property
    def public(self) -> dict[str, Any]:
        """What a page sees."""
        default = self.name == "nano"
        return {
            "name": self.name,
            "label": self.label,
            "about": self.about,
            "available": not self.reason,
            "reason": self.reason,
            "default": default,
            "routed": self.routed,
        }


_BUILT_IN = (
    Offer(name="nano", label="Nano (embedded)", about="Reasons over retrieval evidence; it does not read the passages."),
    Offer(name="signals", label="Signals (no model)", about="Untrained sum of six retrieval signals: the baseline for every model."),
    Offer(name="first_stage", label="First stage (no model)", about="The retriever's own order."),
)


class Models:
    """Built-in models and those of the models file. Backends are made at first use; `serving` changes them while they are in use."""

    def __init__(self, entries: tuple[ModelEntry, ...], makers: dict[str, Callable[[ModelEntry], Backend]] | None = None) -> None:
        self._entries = {entry.name: entry for entry in entries}
        taken = {offer.name for offer in _BUILT_IN} & set(self._entries)
        if taken:
            raise SettingsError(f"the models file uses {sorted(taken)}, which name built-in models: choose other names")
        self._makers = MAKERS if makers is None else makers
        unknown = sorted({entry.backend for entry in entries} - set(self._makers))
        if unknown:
            raise SettingsError(f"the models file names unknown backends {unknown}: known are {', '.join(sorted(self._makers))}")
        self.backends = Backends(self.make)
        self.settle: Callable[[], Awaitable[None]] | None = None
        self._unreached: dict[str, str] = {}

    def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        """All models, those that can't be used with the reason."""
        require(actor, "visitor")
        offers = (replace(offer, reason=offer.reason or self._unreached.get(offer.name, "")) for offer in self.offers())
        return [offer.public for offer in offers]

    async def look(self) -> None:
        """Ask the servers of all models at once; what they say greys a model in the list and refuses nothing, for it may be over."""
        names = [name for name, entry in self._entries.items() if not why_not(entry)]
        known = {name: backend for name in names if isinstance(backend := self.backends.current(name), Checkable)}
        said = await asyncio.gather(*(backend.check() for backend in known.values()))
        self._unreached = {name: reason for name, reason in zip(known, said, strict=True) if reason}

    def offers(self) -> tuple[Offer, ...]:
        """All models."""
        return (*_BUILT_IN, *(self._offer(entry) for entry in self._entries.values()))

    def label(self, name: str) -> str:
        """Name for people; models that are no longer offered keep their bare name."""
        return next((offer.label for offer in self.offers() if offer.name == name), name)

    def check(self, name: str) -> None:
        """Raises InputError for a name that isn't offered, BackendUnavailable for one that can't be used now."""
        offer = next((offer for offer in self.offers() if offer.name == name), None)
        if offer is None:
            raise InputError(f"no model is called {name!r}: choose one of the list")
        if offer.reason:
            raise BackendUnavailable(f"{offer.label} can't be used: {offer.reason}")

    def tariff(self, name: str) -> ModelEntry | None:
        """The entry of a model that costs money; None for one that doesn't."""
        entry = self._entries.get(name)
        return entry if entry is not None and (entry.price_in or entry.price_out) else None

    def template(self, name: str) -> PromptTemplate:
        """The prompt profile of a model."""
        return template_for("nano" if name == "nano" else self._entries[name].profile)

    def reads_evidence(self, name: str) -> bool:
        """Whether a model's order depends on the evidence of its passages."""
        return name == "signals" or (name not in UNTRAINED and bool(getattr(self.template(name), "reads_evidence", False)))

    async def lease(self, name: str) -> Lease:
        """Hold the weights that answer for a model that passed `check` until their run has ended; not for the untrained ones."""
        if self.settle is not None:
            await self.settle()
        return self.backends.lease(name)

    def ranker(self, name: str, options: Options | None = None, backend: Backend | None = None) -> Ranker:
        """A ready ranker for a model that passed `check`, over a leased backend or what answers now; not for the untrained ones.

        Raises SettingsError or TemplateError where the options can't be had with this model.
        """
        options = options or Options()
        entry = self._entries.get(name)
        thinking = options.thinking.routed(entry.router if entry else "")
        template = template_for_unit(self.template(name), options.strategy.unit)
        sampling = replace(template.sampling, max_tokens=entry.max_tokens) if entry and entry.max_tokens else None
        return Ranker(
            backend=backend or self.backends.current(name),
            template=template,
            strategy=options.strategy,
            sampling=sampling,
            thinking=thinking,
            fusion=options.fusion,
        )

    async def warm(self) -> None:
        """Load the embedded model. Raises BackendUnavailable."""
        backend = self.ranker("nano").backend
        if isinstance(backend, Warmable):
            await backend.warm()

    async def aclose(self) -> None:
        """Close all backends."""
        await self.backends.aclose()

    def names(self) -> Sequence[str]:
        """Names of the models of the file."""
        return tuple(self._entries)

    def entry(self, name: str) -> ModelEntry | None:
        """A model's entry of the models file; None for the built-in ones and for what isn't there."""
        return self._entries.get(name)

    def make(self, name: str, served_as: str = "") -> Backend:
        """A new backend of a model, with the weights that ship with the program or under another name at its server."""
        entry = self._entries.get(name) or ModelEntry(name="nano", backend="nano")
        return self._makers[entry.backend](replace(entry, model=served_as) if served_as else entry)

    def _offer(self, entry: ModelEntry) -> Offer:
        label, routed = entry.label or entry.name, bool(entry.router)
        return Offer(name=entry.name, label=label, about=entry.about, reason=why_not(entry), routed=routed)
