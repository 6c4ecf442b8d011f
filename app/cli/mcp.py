"""`mcp`: rerank as a tool for assistants that speak the Model Context Protocol, over standard input and output.

The package `mcp` is no part of the studio's own environment: requirements-mcp.txt makes one for it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import sentences

if TYPE_CHECKING:
    from app.cli.rank_model import Way
    from app.ranking.values import Call, Ranking

MOST_DOCUMENTS = 1_000
MOST_CHARACTERS = 20_000
_ABOUT = (
    "Puts documents in the order in which they answer a query, best first. `results` has a rank and an index for each: the index is the "
    "0-based place in the documents given. Read `outcome`: anything but clean means that the order is partly or wholly the one given. "
    "`trace` asks for the model's reasoning, call by call."
)


def command(
    model: Annotated[str, typer.Option(help="built-in (nano, signals, first_stage), or a name of the models file")] = "nano",
    models: Annotated[Path | None, typer.Option(help="TOML file naming further models", envvar="REASONRANK_MODELS")] = None,
    strategy: Annotated[str, typer.Option(help="which windows to ask about")] = "sliding",
) -> None:
    """Offer rerank as a tool over the Model Context Protocol, on standard input and output, until the input ends."""
    from app.cli.rank_model import choose
    from app.cli.rank_request import Request
    from app.ranking.errors import BackendUnavailable

    with sentences():
        fastmcp = _package()
        way = choose(Request(model=model, models=models, strategy=strategy))
        if way.why_not:
            raise BackendUnavailable(way.why_not)
        _server(fastmcp, way).run("stdio")


def _package() -> Any:
    """The package, by name so that nothing needs it to be installed. Raises SettingsError with the way to it."""
    from app.ranking.errors import SettingsError

    try:
        return import_module("mcp.server.fastmcp")
    except ImportError as error:
        raise SettingsError(
            f"the package mcp below version 2 is not installed ({error}): install requirements-mcp.txt into an environment of its own"
        ) from error


def _server(fastmcp: Any, way: Way) -> Any:
    @asynccontextmanager
    async def life(_: Any) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await way.models.aclose()

    # Quiet, because most clients show whatever comes on standard error.
    server = fastmcp.FastMCP("reasonrank", lifespan=life, log_level="WARNING")
    server.tool(name="rerank", description=_ABOUT)(rerank_with(way))
    return server


def rerank_with(way: Way) -> Callable[..., Any]:
    """The tool: plain values in and out. Raises InputError for what can't be ranked; its text is what the assistant sees."""

    async def rerank(query: str, documents: list[str], top_n: int | None = None, trace: bool = False) -> dict[str, Any]:
        from app.cli.rank_model import unwatched
        from app.ranking.batch import Topic
        from app.ranking.errors import InputError
        from app.ranking.values import Passage

        _check(query, documents, top_n)
        passages = tuple(Passage(id=str(index), text=text) for index, text in enumerate(documents))
        topic = Topic(id="asked", query=query.strip(), passages=passages)
        async with aclosing(way.rank([topic], 1, cache=None, watch=unwatched)) as rankings:
            async for ranked in rankings:
                if ranked.ranking is None:
                    raise InputError(ranked.error)
                return _answer(way.name, ranked.ranking, top_n) | (
                    {"trace": [_call(call) for call in ranked.ranking.calls]} if trace else {}
                )
        raise InputError("nothing was ranked")

    return rerank


def _check(query: str, documents: list[str], top_n: int | None) -> None:
    from app.ranking.errors import InputError

    if not query.strip():
        raise InputError("the query is empty: write a question")
    if not 1 <= len(documents) <= MOST_DOCUMENTS:
        raise InputError(f"{len(documents)} documents were given: give 1 to {MOST_DOCUMENTS}")
    for index, text in enumerate(documents):
        if not text.strip() or len(text) > MOST_CHARACTERS:
            raise InputError(f"document {index} has {len(text.strip())} characters: each needs 1 to {MOST_CHARACTERS}")
    if top_n is not None and top_n < 1:
        raise InputError(f"top_n is {top_n}: give at least 1, or leave it out for all")


def _answer(model: str, ranking: Ranking, top_n: int | None) -> dict[str, Any]:
    tokens_in, tokens_out = ranking.tokens
    results = [{"rank": rank, "index": int(passage.id), "text": passage.text} for rank, passage in enumerate(ranking.passages, start=1)]
    return {
        "model": model,
        "outcome": ranking.outcome,
        "results": results[:top_n],
        "notes": list(ranking.notes),
        "usage": {"calls": len(ranking.calls), "requests": ranking.requests, "tokens_in": tokens_in, "tokens_out": tokens_out},
    }


def _call(call: Call) -> dict[str, Any]:
    return {
        "passages": [int(passage.id) for passage in call.window.passages],
        "reasoning": call.completion.reasoning,
        "answer": call.completion.answer,
        "outcome": call.parsed.outcome,
        "problems": sorted(call.parsed.problems),
        "error": call.error,
    }
