"""Who asks: the role that was proved, and from where."""

from __future__ import annotations

import msgspec

OPERATOR, READ_ONLY = "operator", "read-only"
ROLES = (OPERATOR, READ_ONLY)


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who proved a role. ``session`` is the id of the page's session, None for a token."""

    role: str
    address: str
    session: str | None = None

    @property
    def who(self) -> str:
        """As the command table names an operator."""
        return f"api:{self.role}@{self.address}"
