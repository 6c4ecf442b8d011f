"""What the embedding model can't read, said in a sentence for the page."""

from __future__ import annotations

from .text import unknown_share

# Above this share of letters outside the Latin script a vector says little: the model was trained on English.
_TOO_MUCH = 0.3


def is_known(query: str) -> bool:
    """True where the embedding model can be expected to make sense of the query's script."""
    return unknown_share(query) <= _TOO_MUCH


def notes(query: str) -> tuple[str, ...]:
    """Plain sentences about this query that a reader of the results should know; none for an ordinary one."""
    if is_known(query):
        return ()
    percent = round(100 * unknown_share(query))
    return (
        f"The embedding model was trained on English and does not know this script ({percent} % of the query's letters): "
        "candidates come from shared words and characters, and the meaning scores say little.",
    )
