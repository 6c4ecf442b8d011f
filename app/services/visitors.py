"""Visitors: whoever has no account is known by a random id in a signed cookie, and by nothing else."""

from __future__ import annotations

from uuid import UUID

from uuid6 import uuid7

from app.services.actors import VISITOR, Actor

_SALT = "reasonrank visitor"


class Visitors:
    """Makes and reads the signed ids of visitors."""

    def __init__(self, secret: str) -> None:
        from itsdangerous import URLSafeSerializer

        self._signer = URLSafeSerializer(secret, salt=_SALT)

    def new(self) -> str:
        """A cookie's value for somebody new."""
        return str(self._signer.dumps(str(uuid7())))

    def actor(self, cookie: str) -> Actor:
        """Whose cookie this is; without a good one everybody is the same visitor, who owns nothing."""
        from itsdangerous import BadData

        try:
            actor_id = str(UUID(self._signer.loads(cookie[:400])))
        except (BadData, ValueError, TypeError, AttributeError):
            return VISITOR
        return Actor(id=actor_id, name="Visitor", roles=VISITOR.roles)

    def is_known(self, cookie: str) -> bool:
        """Whether a cookie is one of ours."""
        return self.actor(cookie) is not VISITOR
