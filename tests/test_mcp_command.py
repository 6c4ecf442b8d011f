"""The tool for assistants: over the library without the package, and over the real protocol where the package is installed."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.mcp import MOST_DOCUMENTS, command, rerank_with
from app.cli.rank_model import choose
from app.cli.rank_request import Request
from app.ranking.errors import InputError

ROOT = Path(__file__).parent.parent
DOCUMENTS = ["January sales begin.", "Dough rises slowly in the cold, when yeast is sluggish.", "January sales begin."]
QUERY = "Why does my bread rise so slowly in January?"


def ask(**given: Any) -> dict[str, Any]:
    told: dict[str, Any] = asyncio.run(rerank_with(choose(Request(model="first_stage")))(**given))
    return told


def test_the_tool_answers_by_index() -> None:
    told = ask(query=QUERY, documents=DOCUMENTS, top_n=2, trace=True)
    assert [(one["rank"], one["index"], one["text"]) for one in told["results"]] == [(1, 0, DOCUMENTS[0]), (2, 1, DOCUMENTS[1])]
    assert told["outcome"] == "clean" and told["model"] == "first_stage" and told["trace"] == []
    assert told["usage"] == {"calls": 0, "requests": 0, "tokens_in": 0, "tokens_out": 0}
    assert "trace" not in ask(query=QUERY, documents=DOCUMENTS)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"query": " "}, "query is empty"),
        ({"documents": []}, "0 documents"),
        ({"documents": ["x"] * (MOST_DOCUMENTS + 1)}, "1001 documents"),
        ({"documents": ["a", "  "]}, "document 1 has 0"),
        ({"documents": ["x" * 20_001]}, "document 0 has 20001"),
        ({"top_n": 0}, "top_n is 0"),
    ],
)
def test_what_can_not_be_ranked_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        ask(**{"query": QUERY, "documents": DOCUMENTS} | change)


def test_a_missing_package_is_one_sentence_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.setitem(sys.modules, "mcp.server.fastmcp", None)
    one = typer.Typer()
    one.command()(command)
    said = CliRunner().invoke(one, [])
    assert said.exit_code == 2 and "requirements-mcp.txt" in said.output and "Traceback" not in said.output


@pytest.mark.model
def test_an_assistant_calls_the_tool_over_the_real_protocol() -> None:
    pytest.importorskip("mcp.client.stdio", reason="the package mcp is not installed: see requirements-mcp.txt")
    from mcp import ClientSession, StdioServerParameters  # type: ignore[import-not-found, unused-ignore]
    from mcp.client.stdio import stdio_client  # type: ignore[import-not-found, unused-ignore]

    async def talk() -> None:
        code = "import typer; from app.cli.mcp import command; typer.run(command)"
        server = StdioServerParameters(command=sys.executable, args=["-c", code], cwd=str(ROOT), env={"OMP_NUM_THREADS": "1"})
        async with stdio_client(server) as streams, ClientSession(*streams) as session:
            await session.initialize()
            (tool,) = (await session.list_tools()).tools
            assert tool.name == "rerank" and set(tool.inputSchema["required"]) == {"query", "documents"}
            answer = await session.call_tool("rerank", {"query": QUERY, "documents": DOCUMENTS, "trace": True})
            told = answer.structuredContent or json.loads(answer.content[0].text)
            assert not answer.isError and told["results"][0]["index"] == 1 and told["outcome"] == "clean"
            assert told["trace"][0]["passages"] == [0, 1, 2] and told["trace"][0]["reasoning"]
            refused = await session.call_tool("rerank", {"query": QUERY, "documents": []})
            assert refused.isError and "give 1 to 1000" in refused.content[0].text

    asyncio.run(asyncio.wait_for(talk(), 60))
