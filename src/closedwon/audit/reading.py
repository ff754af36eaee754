"""What each role reads of an entry: one rule for the list, the page of an entry, the search, the API, the command line and exports.

Everybody with the trail sees who did what, when, and to which thing. The detail, and a search in it, is open where the thing is open
to the reader. What nobody has classed is for auditors alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from django.apps import apps
from django.db.models import Q, QuerySet

from closedwon.audit.models import Entry

READERS = ("admin", "sales-ops", "comp-admin", "finance", "auditor")
"""Roles that may open the trail."""
SEES_DEALS = frozenset({"executive", "deal-desk", "finance", "auditor"})
"""Roles that see every deal; sales ops do too, unless limited to a region."""
SYSTEM, PEOPLE, POLICY, DEAL, PAY = "system", "people", "policy", "deal", "pay"
TOPICS = (SYSTEM, PEOPLE, POLICY, DEAL, PAY)
"""What entries are about; a field classes its subjects and addresses in `AppConfig.audited`, as in {"approval": "deal", "/deals/": "deal"}."""
HIDDEN = {
    SYSTEM: "hidden: about settings that you may not see",
    PEOPLE: "hidden: about people whom you may not see",
    POLICY: "hidden: about a policy that you may not see",
    DEAL: "hidden: about a deal you may not see",
    PAY: "hidden: about pay you may not see",
    "": "hidden: only auditors read this",
}
"""What stands in the place of a detail."""
ADDRESS = "an address that you may not open"
"""What stands in the place of an address that an auditor looked at."""
LOOK = "people.looked"
KEYED = frozenset({"deal", "opportunity", "account"})
"""Subjects whose key is that of a deal or an account; the key is hidden with the detail."""


class Reader(Protocol):
    """Who reads: the actor of the rooms above."""

    @property
    def roles(self) -> frozenset[str]:
        """The roles in force."""

    @property
    def grants(self) -> frozenset[str]:
        """The rights that no role carries."""

    @property
    def region(self) -> str:
        """The region that sales ops are limited to."""


@lru_cache(maxsize=1)
def kinds() -> Mapping[str, str]:
    """The topic of every kind of subject, in small letters, and of every address that begins so."""
    found: dict[str, str] = {}
    for config in apps.get_app_configs():
        for name, topic in getattr(config, "audited", {}).items():
            if topic not in TOPICS:
                raise LookupError(f"{config.name} classes {name} as {topic}; there are {', '.join(TOPICS)}.")
            found[name.lower()] = topic
    return found


def topic_of(entry: Entry) -> str:
    """What an entry is about; empty where nobody has classed it."""
    subject = entry.subject.lower()
    if entry.verb == LOOK:
        return next((topic for name, topic in kinds().items() if name.startswith("/") and subject.startswith(name)), "")
    kind = subject.split(":", 1)[0]
    return "" if kind.startswith("/") else kinds().get(kind, "")


@dataclass(frozen=True)
class Seen:
    """An entry as a reader sees it; `hidden` says why the detail is not there.

    Hashes are there for those who read everything: with a hash, and the hash of the next entry, a hidden amount could be guessed.
    """

    sequence: int
    at: datetime
    actor: str
    channel: str
    verb: str
    subject: str
    detail: str
    person: str
    sealed: str
    previous: str
    digest: str
    hidden: str = ""


@dataclass(frozen=True)
class Sight:
    """What a reader may read: everything, or the details of these topics."""

    everything: bool
    topics: frozenset[str]

    def reads(self, entry: Entry) -> bool:
        """Whether the detail is open. What an auditor asked for in an address may name any deal, so it takes the sight of deals besides."""
        topic = topic_of(entry)
        return self.everything or (topic in self.topics and (entry.verb != LOOK or DEAL in self.topics))

    def names(self, entry: Entry) -> bool:
        """Whether the subject is open: always, but for addresses and the keys of deals."""
        if self.everything or (entry.verb != LOOK and entry.subject.lower().split(":", 1)[0] not in KEYED):
            return True
        return topic_of(entry) in self.topics

    def details(self) -> Q:
        """The same as `reads`, for the database."""
        if self.everything:
            return Q()
        made = Q(pk__in=[])
        for name in self._open(address=False):
            made |= Q(subject__iexact=name) | Q(subject__istartswith=f"{name}:")
        return (made & ~Q(verb=LOOK)) | (self._looks() if DEAL in self.topics else Q(pk__in=[]))

    def subjects(self) -> Q:
        """The same as `names`, for the database."""
        if self.everything:
            return Q()
        closed = Q(pk__in=[])
        for name in KEYED - set(self._open(address=False)):
            closed |= Q(subject__iexact=name) | Q(subject__istartswith=f"{name}:")
        return (~Q(verb=LOOK) & ~closed) | self._looks()

    def _open(self, *, address: bool) -> list[str]:
        return [name for name, topic in kinds().items() if topic in self.topics and name.startswith("/") == address]

    def _looks(self) -> Q:
        made = Q(pk__in=[])
        for name in self._open(address=True):
            made |= Q(subject__istartswith=name)
        return made & Q(verb=LOOK)

    def seen(self, entry: Entry) -> Seen:
        """The entry as this reader sees it."""
        reads, names = self.reads(entry), self.names(entry)
        topic = topic_of(entry)
        hidden = "" if reads else HIDDEN[topic if topic not in self.topics else DEAL]
        return Seen(
            entry.sequence, entry.at, entry.actor, entry.channel, entry.verb,
            entry.subject if names else _closed(entry),
            entry.detail if reads else "", entry.person, entry.sealed if reads else "",
            entry.previous if self.everything else "", entry.digest if self.everything else "", hidden,
        )  # fmt: skip


def _closed(entry: Entry) -> str:
    return ADDRESS if entry.verb == LOOK else f"{entry.subject.split(':', 1)[0]}: hidden"


WHOLE = Sight(True, frozenset(TOPICS))
"""The sight of an auditor."""


def sight(by: Reader) -> Sight:
    """What an actor may read of the trail."""
    held = by.roles
    if "auditor" in held:
        return WHOLE
    topics: set[str] = set()
    if held & {"admin", "sales-ops"}:
        topics |= {SYSTEM, PEOPLE, POLICY}
    if held & {"finance"}:
        topics |= {POLICY}
    if held & SEES_DEALS or ("sales-ops" in held and not by.region):
        topics |= {DEAL}
    if held & {"comp-admin", "finance"} and "pay" in by.grants:
        topics |= {PAY}
    return Sight(False, frozenset(topics))


class Trail:
    """Entries as one reader sees them, newest first; narrowing gives another one."""

    def __init__(self, rows: QuerySet[Entry], view: Sight) -> None:
        self._rows, self.sight = rows, view

    def narrow(self, *, verb: str = "", actor: str = "", subject: str = "", text: str = "", **where: Any) -> Trail:
        """Only entries that match; a text is looked for in what the reader may read, and nowhere else."""
        rows, open_names = self._rows.filter(**where), self.sight.subjects()
        if verb:
            rows = rows.filter(verb__startswith=verb)
        if actor:
            rows = rows.filter(actor__icontains=actor)
        if subject:
            rows = rows.filter(Q(subject__icontains=subject) & open_names)
        if text:
            named, told = Q(subject__icontains=text) & open_names, Q(detail__icontains=text) & self.sight.details()
            rows = rows.filter(named | told | Q(actor__icontains=text) | Q(verb__icontains=text))
        return Trail(rows, self.sight)

    def oldest_first(self) -> Trail:
        """The same entries in the order in which they were written."""
        return Trail(self._rows.order_by("sequence"), self.sight)

    def count(self) -> int:
        """How many entries there are."""
        return self._rows.count()

    def hidden(self) -> int:
        """How many of them have a detail that the reader may not read."""
        return 0 if self.sight.everything else self._rows.exclude(self.sight.details()).count()

    def verbs(self) -> list[str]:
        """What was done, each once."""
        return sorted(set(self._rows.order_by().values_list("verb", flat=True).distinct()))

    def first(self) -> Seen | None:
        """The newest one."""
        return next(iter(self[:1]), None)

    def __getitem__(self, part: slice) -> list[Seen]:
        """Some of them."""
        return [self.sight.seen(entry) for entry in self._rows[part]]

    def __iter__(self) -> Iterator[Seen]:
        """All of them, without holding all of them."""
        return (self.sight.seen(entry) for entry in self._rows.iterator(chunk_size=5000))
