"""Who acts, and what they may do. Every service checks the role itself: hiding a tab is not authorization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from app.ranking.errors import Forbidden

Role = Literal["visitor", "annotator", "reviewer", "researcher", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
# Whoever works on projects in one way or another may know which there are.
STAFF: tuple[Role, ...] = ROLES[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody who asks for something."""

    id: str
    name: str
    roles: frozenset[str]


# Where there are no accounts, the person at the keyboard of this machine is everybody; whoever has no account elsewhere is a visitor.
LOCAL = Actor(
    id="00000000-0000-7000-8000-000000000001",
    name="Local person",
    roles=frozenset({"visitor", "annotator", "reviewer", "researcher", "admin"}),
)
VISITOR = Actor(id="00000000-0000-7000-8000-000000000002", name="Visitor", roles=frozenset({"visitor"}))


def require(actor: Actor, *roles: Role) -> None:
    """Raises Forbidden where the actor has none of the roles."""
    if actor.roles.isdisjoint(roles):
        needed = " or ".join(repr(role) for role in roles)
        raise Forbidden(f"{actor.name} may not do this: it takes the role {needed}")
