"""POST /api/v1/rerank: what clients of Cohere's and Jina's rerank services send, and the controls that are ours."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from app.services.rerank import RerankRequest

from .bodies import Name, OptionsBody, PastedPassage, Query, id_twice, with_ids

MAX_DOCUMENTS = 1_000
# Fields by which other services bound or bill a request; here every document is shown, or cut evenly so that a window fits.
Idle = Annotated[Any, Field(description="accepted, without effect")]
WITHOUT_EFFECT = ("max_tokens_per_doc", "max_chunks_per_doc", "rank_fields", "priority", "truncation", "user")
EXAMPLES: list[JsonValue] = [
    {
        "model": "nano",
        "query": "Why does bread rise slowly in winter?",
        "documents": ["January sales begin.", "Dough rises slowly in the cold, when yeast is sluggish.", "Bread flour is sold in bags."],
        "top_n": 2,
    },
    {
        "query": "Why does bread rise slowly in winter?",
        "documents": [{"id": "a", "title": "Yeast", "text": "Yeast is sluggish in the cold."}, {"text": "January sales begin."}],
        "return_documents": True,
        "strategy": {"name": "sliding", "size": 20, "step": 10},
        "fusion": {"weight": 0.7},
    },
]


class Document(PastedPassage):
    """A document; a text alone may stand for one."""


def _document(given: object) -> object:
    document = {"text": given} if isinstance(given, str) else given
    if isinstance(document, dict) and isinstance(text := document.get("text"), str) and not text.strip():
        raise ValueError("the document is empty: leave it out, and mind that the indices of those after it move")
    if not isinstance(document, dict | Document):
        raise ValueError("a document is a text, or an object with a text")
    return document


Documents = Annotated[
    list[Annotated[Document, BeforeValidator(_document, json_schema_input_type=str | Document)]],
    Field(min_length=1, max_length=MAX_DOCUMENTS),
]


class RerankBody(OptionsBody):
    """Documents to be put in order by a model. Without a model the default one is asked; without top_n all are returned."""

    model_config = ConfigDict(json_schema_extra={"examples": EXAMPLES})

    model: Name | None = None
    query: Query
    documents: Documents
    top_n: Annotated[int, Field(ge=1)] | None = None
    return_documents: bool | None = None
    stream: bool = False
    max_tokens_per_doc: Idle = None
    max_chunks_per_doc: Idle = None
    rank_fields: Idle = None
    priority: Idle = None
    truncation: Idle = None
    user: Idle = None

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        if twice := id_twice(self.documents):
            raise ValueError(f"documents: the id {twice!r} is given twice; leave ids out, every document has its index")
        return self

    def request(self) -> RerankRequest:
        """The same as the service takes it. Raises SettingsError for options that can't be."""
        idle = [name for name in WITHOUT_EFFECT if getattr(self, name) is not None]
        note = f"{', '.join(idle)}: known from other rerank services, without effect here"
        return RerankRequest(
            query=self.query,
            passages=tuple(with_ids(self.documents)),
            model=self.model or "",
            top_n=self.top_n,
            options=self.options(),
            documents=tuple(document.model_dump(exclude_unset=True) for document in self.documents) if self.return_documents else (),
            notes=(note,) if idle else (),
        )
