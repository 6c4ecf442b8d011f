"""The command line: `python -m app VERB`. A verb's file is imported when the verb runs, so that `--help` is instant."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

# Verb -> what it does, for the list; the verb itself is the function `command` of app/cli/VERB.py.
VERBS: dict[str, str] = {
    "rank": "Rank the passages of one query, or the topics of a TREC run.",
    "prompt": "Show what a model would be sent, message by message.",
    "thinking": "Say whether traces were worth their tokens, and fit a router for thinking auto.",
    "evaluate": "Measure a run by judgements, or a first stage and models on a suite, beside published numbers.",
    "report": "Write bundles of evaluations as one HTML file that can be handed on.",
    "compare": "Say why two evaluations differ: every difference, and how much of the change each explains.",
    "replay": "Rank again from recorded answers, without a model.",
    "mcp": "Offer rerank as a tool for assistants (Model Context Protocol), over standard input and output.",
    "account": "Make and change accounts of people, and invites.",
    "agreement": "Say how far annotators agree on labels: alpha, kappas, intervals, from a table of judgements.",
    "backup": "Write the database and its files to one file or folder, while the studio runs.",
    "restore": "Fill an empty studio from a backup.",
    "verify": "Check the event log: that nothing in it was changed, taken out or put in.",
    "export": "Write judgements and runs as files in many formats, or make versions that can be written again.",
    "retention": "Take away what is older than the retention setting.",
}


class Verbs(TyperGroup):
    """Knows all verbs by name, and loads the one that is asked for."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The verb that was asked for, in place of its line in the list."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, _loaded(name) if name in VERBS else command, rest


cli = typer.Typer(help="ReasonRank Studio on the command line. The page is started with: python app.py", no_args_is_help=True, cls=Verbs)


def _loaded(verb: str) -> Any:
    one = typer.Typer(add_completion=False)
    one.command(verb)(import_module(f"app.cli.{verb}").command)
    return typer.main.get_command(one)


for _verb, _text in VERBS.items():
    cli.command(_verb, help=_text)(lambda: None)

if __name__ == "__main__":
    cli()
