"""What people agree to: visitors before an objection is kept, annotators with what they submit.

A text is never edited: a change is a new version, and the old ones stay known.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.ranking.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One version of the text, named by its date, and the licence under which what is sent may be used."""

    version: str
    text: str
    licence: str


# Oldest first; the last one is what is asked for now.
VERSIONS = (
    Consent(
        version="2026-11-28",
        text=(
            "I send this objection, with my order and my note if I gave them, to the people who run this studio. They may keep it, show "
            "it to reviewers, and, once a reviewer has accepted it, publish it under CC0 and use it to train and test models. It is kept "
            "under a random pseudonym; I put nothing into it that says who I am. I can have it deleted under Delete my data."
        ),
        licence="CC0-1.0",
    ),
)


# The same for annotators; it stands beside every task. The licence is the project's.
WORK_VERSIONS = (
    Consent(
        version="work-2026-11-28",
        text=(
            "What I submit here is kept with its earlier versions, shown to reviewers under a random pseudonym, and may be published under "
            "the project's licence and used to train and test models. My name and address are never given away. I can take my data away "
            "or have it deleted in my account; what was published before can't be called back."
        ),
        licence="",
    ),
)


def current() -> Consent:
    """The version that is asked for now."""
    return VERSIONS[-1]


def known(version: str) -> Consent:
    """A version by name, so that what was read before a change of the text still counts. Raises InputError."""
    found = next((one for one in VERSIONS if one.version == version), None)
    if found is None:
        raise InputError(f"there is no consent text {version[:40]!r}: read the present one, {current().version}, and send its version")
    return found


def work_text(version: str) -> str:
    """What annotators agreed to; empty for a version that isn't known here, as of a project from elsewhere."""
    return next((one.text for one in WORK_VERSIONS if one.version == version), "")
