"""The holdout is decided before anyone sees a query: by a hash of its normalised text, a fifth of all queries."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_SEPARATORS = re.compile(r"[\W_]+")


def normalised(query: str) -> str:
    """Case, width, punctuation and spacing removed, so that trivial variants fall on the same side."""
    return _SEPARATORS.sub(" ", unicodedata.normalize("NFKC", query).casefold()).strip()


def is_holdout(query: str) -> bool:
    """True for the fifth of queries whose judgements are for evaluation only: sha256(normalised query) mod 10 in {0, 1}."""
    return int(hashlib.sha256(normalised(query).encode()).hexdigest(), 16) % 10 in (0, 1)
