"""Who acts: every action takes an Actor as `by`, whichever door the call came through."""

from __future__ import annotations

from dataclasses import dataclass, field

from closedwon.base.errors import Refused

ROLES = (
    "admin", "sales-ops", "executive", "manager", "rep", "se", "csm", "overlay", "partner-manager", "deal-desk", "comp-admin",
    "finance", "enablement", "salesforce-admin", "auditor",
)  # fmt: skip


@dataclass(frozen=True)
class Actor:
    """A person, a token, the operating-system user or a job, with the rights in force.

    `person_id` is the person's id in the facts table `users`; `region` limits sales ops to one region; `grants` are rights that no
    role carries, such as "pay".
    """

    name: str
    email: str = ""
    user_id: int | None = None
    person_id: str = ""
    roles: frozenset[str] = field(default_factory=frozenset)
    grants: frozenset[str] = field(default_factory=frozenset)
    region: str = ""
    channel: str = "cli"
    scopes: frozenset[str] | None = None

    def has(self, *roles: str) -> bool:
        """Whether the actor has one of these roles."""
        return bool(self.roles.intersection(roles))

    def need(self, *roles: str, to: str) -> None:
        """Raise Refused unless the actor has one of these roles; `to` says what for, as in "import facts"."""
        if not self.has(*roles):
            names = " or ".join(roles)
            raise Refused(f"{self.name} may not {to}.", mend=f"It takes the role {names}; an admin can grant it under Admin, People.")


SYSTEM = Actor("closedwon", roles=frozenset(ROLES) - {"comp-admin"}, channel="job")
"""The product itself, in scheduled work."""
