"""The documents of one subject taken together on a day: formulas compiled, computed values in order, roles and chains known. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from closedwon.approvals.policy import Asking, Chain, Explanation, FieldText, Floor, Hours, Matrix, MatrixVersion, Role, Rule, Table
from closedwon.base.errors import Problem
from closedwon.formula.decisions import DecisionTable
from closedwon.formula.formula import Formula, compile  # noqa: A004 - the language's own word
from closedwon.formula.nodes import Node
from closedwon.formula.types import Type, type_of
from closedwon.formula.values import BadValue, decimal_of

Place = tuple[str | int, ...]
NOBODY = ("", "-", "none", "nobody")
"""What a table's `ask` says where nobody is asked."""


@dataclass(frozen=True)
class Tested:
    """How two values of a field compare: `worse` is higher, lower, change or an order of values from best to worst."""

    name: str
    label: str
    type: Type
    worse: str | tuple[str, ...]
    tolerance: Decimal = Decimal(0)
    step: Decimal | None = None
    tested_by: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Asker:
    """A rule or a table: when it speaks, whom it asks, why, and what its approvers look at."""

    name: str
    document: str
    place: Place
    order: int
    when: Formula | None
    table: DecisionTable | None
    ask: tuple[str, ...]
    reason: str
    tests: tuple[str, ...]
    forbid: bool = False
    on_gap: str = ""


@dataclass(frozen=True)
class Source:
    """Where a part comes from: the document, the day its version holds from, and the digest of its text."""

    name: str
    since: date
    digest: str
    reference: str


@dataclass(frozen=True)
class United:
    """What holds for a subject on a day."""

    subject: str
    day: date
    currency: str
    fields: Mapping[str, FieldText]
    types: Mapping[str, Type]
    labels: Mapping[str, str]
    computes: tuple[tuple[str, Formula], ...]
    tested: Mapping[str, Tested]
    roles: Mapping[str, Role]
    chains: tuple[Chain, ...]
    askers: tuple[Asker, ...]
    floor: tuple[Floor, Formula] | None
    explanations: tuple[tuple[Explanation, Formula], ...]
    hours: Mapping[str, Hours]
    sources: tuple[Source, ...]
    problems: tuple[tuple[str, Place, Problem], ...] = ()
    places: Mapping[tuple[str, str], tuple[str, Place]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether no document speaks of the subject on that day."""
        return not self.sources

    def group(self, role: str) -> int:
        """The role's place in the sequence, from 1: the last one over the chains that name it; 1 for a role of no chain."""
        return max((at for chain in self.chains for at, group in enumerate(chain.groups, 1) if role in group), default=1)

    def rank(self, role: str) -> tuple[int, int]:
        """The order in which roles are told: by group, then as the policies write them."""
        names = list(self.roles)
        return (self.group(role), names.index(role) if role in names else len(names))

    def hours_of(self, region: str) -> Hours | None:
        """The business hours of a region, else the default ones."""
        return self.hours.get(region) or self.hours.get("default")


def unite(documents: Mapping[str, Matrix], subject: str, day: date, digests: Mapping[str, str] | None = None) -> United:
    """What the documents say of a subject on a day; every mistake in it is in `problems`, with its document and place."""
    return _Uniting(documents, subject, day, digests or {}).whole()


@dataclass
class _Uniting:
    documents: Mapping[str, Matrix]
    subject: str
    day: date
    digests: Mapping[str, str]
    problems: list[tuple[str, Place, Problem]] = field(default_factory=list)

    def whole(self) -> United:
        found = [(name, at, version) for name, at, version in self._versions()]
        currency = self._currency(found)
        fields = self._merged(found, "fields")
        types, labels, tested = self._types(found, fields, currency)
        computes = self._computes(found, types, labels, tested)
        roles = {role.name: role for role in self._named(found, "role")}
        chains = tuple(self._named(found, "chain"))
        askers = tuple(self._askers(found, types, tested))
        floors = [(name, at, version.floor) for name, at, version in found if version.floor]
        for name, at, _ in floors[1:]:
            self._wrong(name, ("version", at, "floor"), f"the document {floors[0][0]} has a floor already", "Keep one floor for a subject.")
        floor = None
        if floors:
            name, at, told = floors[0]
            floor = (told, self._formula(name, ("version", at, "floor", "when"), told.when, types, "yes/no"))
        explanations = tuple(self._explanations(found, types, fields))
        self._roles_known(found, roles, tested)
        sources = tuple(Source(name, version.since, self.digests.get(name, ""), version.reference) for name, _, version in found)
        hours = self._merged(found, "hours")
        return United(
            self.subject, self.day, currency, fields, types, labels, computes, tested, roles, chains, askers, floor, explanations, hours,
            sources, tuple(self.problems), _places(found),
        )  # fmt: skip

    def _versions(self) -> Iterator[tuple[str, int, MatrixVersion]]:
        for name, document in sorted(self.documents.items()):
            version = document.on(self.day) if document.subject == self.subject else None
            if version is not None:
                yield name, document.version.index(version), version

    def _wrong(self, document: str, place: Place, message: str, mend: str | None = None) -> None:
        self.problems.append((document, place, Problem(message, document, field=".".join(map(str, place)), mend=mend)))

    def _currency(self, found: Sequence[tuple[str, int, MatrixVersion]]) -> str:
        told = {version.currency: (name, at) for name, at, version in found if version.currency}
        if len(told) > 1:
            name, at = list(told.values())[-1]
            self._wrong(
                name, ("version", at, "currency"), f"documents of {self.subject} are in {' and '.join(sorted(told))}", "Use one currency."
            )
        return next(iter(told), "")

    def _merged(self, found: Sequence[tuple[str, int, MatrixVersion]], part: str) -> dict[str, Any]:
        """Named things of every document; two different ones of one name are a mistake."""
        made: dict[str, Any] = {}
        for name, at, version in found:
            for key, value in getattr(version, part).items():
                if key in made and made[key] != value:
                    self._wrong(
                        name, ("version", at, part, key), f"{part} has {key!r} in another document, and differently", "Define it once."
                    )
                made.setdefault(key, value)
        return made

    def _named(self, found: Sequence[tuple[str, int, MatrixVersion]], part: str) -> list[Any]:
        made: dict[str, Any] = {}
        for name, at, version in found:
            own: set[str] = set()
            for place, one in enumerate(getattr(version, part)):
                if one.name in own or (one.name in made and made[one.name] != one):
                    self._wrong(name, ("version", at, part, place, "name"), f"the {part} {one.name!r} stands twice", "Define it once.")
                own.add(one.name)
                made.setdefault(one.name, one)
        return list(made.values())

    def _types(
        self, found: Sequence[tuple[str, int, MatrixVersion]], fields: Mapping[str, FieldText], currency: str
    ) -> tuple[dict[str, Type], dict[str, str], dict[str, Tested]]:
        types: dict[str, Type] = {}
        labels: dict[str, str] = {}
        tested: dict[str, Tested] = {}
        owner = {key: (name, ("version", at, "fields", key)) for name, at, version in found for key in version.fields}
        for name, text in fields.items():
            labels[name] = text.label or name.rpartition(".")[2].replace("_", " ").capitalize()
            document, place = owner[name]
            try:
                types[name] = _type(text, name, currency)
            except Exception as error:  # noqa: BLE001 - type_of raises Invalid with the mend; told at its place
                self._wrong(document, place, str(error))
                continue
            for inner, part in [(name, text)] if not text.rows else [(f"{name}.{key}", one) for key, one in text.rows.items()]:
                if text.rows:
                    labels[inner] = part.label or f"{labels[name]}: {inner.rpartition('.')[2].replace('_', ' ')}"
                kind = types[name].fields[inner.rpartition(".")[2]] if text.rows else types[name]
                self._tested(document, place, inner, part, kind, labels[inner], tested)
        return types, labels, tested

    def _tested(self, document: str, place: Place, name: str, text: Any, kind: Type, label: str, into: dict[str, Tested]) -> None:
        worse = tuple(text.worse) if isinstance(text.worse, list) else text.worse
        tested_by = frozenset(getattr(text, "tested_by", ()))
        if not worse and not tested_by:
            return
        worse = worse or "change"
        if worse in ("higher", "lower") and kind.family not in ("number", "date", "datetime"):
            self._wrong(
                document, place, f"{name} is {kind}, which has no higher or lower", 'Write worse = "change", or the values in order.'
            )
            return
        try:
            tolerance = decimal_of(text.tolerance) if text.tolerance else Decimal(0)
            step = decimal_of(text.step) if text.step else None
        except BadValue as error:
            self._wrong(document, place, f"{name}: {error.message}", 'Write it in the field\'s unit, such as "2%" or "100".')
            return
        if tolerance < 0 or (step is not None and step <= 0):
            self._wrong(document, place, f"{name}: a tolerance is not negative, and a step is above zero")
            return
        into[name] = Tested(name, label, kind, worse, tolerance, step, tested_by)

    def _computes(
        self, found: Sequence[tuple[str, int, MatrixVersion]], types: dict[str, Type], labels: dict[str, str], tested: dict[str, Tested]
    ) -> tuple[tuple[str, Formula], ...]:
        """The computed values in the order of their dependencies; `types`, `labels` and `tested` learn of them."""
        texts: dict[str, tuple[str, Place, Any]] = {}
        for name, at, version in found:
            for place, one in enumerate(version.compute):
                where: Place = ("version", at, "compute", place)
                if one.name in types or (one.name in texts and texts[one.name][2] != one):
                    self._wrong(name, (*where, "name"), f"{one.name!r} stands twice", "Give it another name.")
                    continue
                texts.setdefault(one.name, (name, where, one))
        for key, (name, where, one) in texts.items():
            try:
                types[key] = _typed(one.type, key, self._currency(found))
            except Exception as error:  # noqa: BLE001 - as above
                self._wrong(name, (*where, "type"), str(error))
                types[key] = type_of("number")
            labels[key] = one.label or key.replace("_", " ").capitalize()
        compiled = {
            key: self._formula(name, (*where, "formula"), one.formula, types, one.type.split("(")[0])
            for key, (name, where, one) in texts.items()
        }
        for key, (name, where, one) in texts.items():
            self._tested(name, where, key, one, types[key], labels[key], tested)
        ordered: dict[str, Formula] = {}
        left = dict(compiled)
        while left:
            ready = [key for key, formula in left.items() if not (set(formula.fields) & set(left))]
            if not ready:
                key = next(iter(left))
                self._wrong(texts[key][0], (*texts[key][1], "formula"), f"{', '.join(left)} depend on each other", "Break the circle.")
                break
            for key in ready:
                ordered[key] = left.pop(key)
        return tuple(ordered.items())

    def _formula(self, document: str, place: Place, text: str, types: Mapping[str, Type], expects: str) -> Formula:
        made = compile(text, types, expects=expects)
        for problem in made.problems:
            self.problems.append((document, place, problem))
        return made

    def _askers(
        self, found: Sequence[tuple[str, int, MatrixVersion]], types: Mapping[str, Type], tested: Mapping[str, Tested]
    ) -> Iterator[Asker]:
        order = 0
        for name, at, version in found:
            for place, rule in enumerate(version.rule):
                where: Place = ("version", at, "rule", place)
                formula = self._formula(name, (*where, "when"), rule.when, types, "yes/no")
                tests = self._tests(name, where, rule, used(formula), tested)
                yield Asker(rule.name, name, where, order, formula, None, tuple(rule.ask), rule.reason or rule.name, tests, rule.forbid)
                order += 1
            for place, table in enumerate(version.table):
                where = ("version", at, "table", place)
                yield self._table(name, where, order, table, types, tested)
                order += 1

    def _table(self, name: str, where: Place, order: int, table: Table, types: Mapping[str, Type], tested: Mapping[str, Tested]) -> Asker:
        guard = self._formula(name, (*where, "when"), table.when, types, "yes/no") if table.when else None
        for at, column in enumerate(table.table.inputs):
            kind = types.get(column.name)
            if kind is None:
                near = get_close_matches(column.name, types, 1)
                mend = f"Did you mean {near[0]!r}?" if near else "Declare it under fields or compute."
                self._wrong(name, (*where, "table", "inputs", at), f"unknown field {column.name!r}", mend)
            elif not _fits(kind, column.kind):
                self._wrong(name, (*where, "table", "inputs", at), f"{column.name} is {kind}, and the table reads it as {column.kind}")
        names = {column.name for column in table.table.inputs} | (used(guard) if guard else set())
        tests = self._tests(name, where, table, names, tested)
        return Asker(
            table.table.name, name, where, order, guard, table.table, (), table.reason or table.table.name, tests, on_gap=table.on_gap
        )

    def _tests(self, name: str, where: Place, asking: Asking, names: set[str], tested: Mapping[str, Tested]) -> tuple[str, ...]:
        if asking.tests:
            for at, test in enumerate(asking.tests):
                if test not in tested:
                    near = get_close_matches(test, tested, 1)
                    mend = f"Did you mean {near[0]!r}?" if near else "Give the field a `worse`."
                    self._wrong(name, (*where, "tests", at), f"{test!r} is no field that compares", mend)
            return tuple(test for test in asking.tests if test in tested)
        return tuple(sorted(found for found in names if found in tested))

    def _explanations(
        self, found: Sequence[tuple[str, int, MatrixVersion]], types: Mapping[str, Type], fields: Mapping[str, FieldText]
    ) -> Iterator[tuple[Explanation, Formula]]:
        for name, at, version in found:
            for place, one in enumerate(version.explanation):
                where: Place = ("version", at, "explanation", place)
                for n, required in enumerate(one.require):
                    if required not in fields:
                        near = get_close_matches(required, fields, 1)
                        self._wrong(
                            name, (*where, "require", n), f"unknown field {required!r}", f"Did you mean {near[0]!r}?" if near else None
                        )
                yield one, self._formula(name, (*where, "when"), one.when, types, "yes/no")

    def _roles_known(
        self, found: Sequence[tuple[str, int, MatrixVersion]], roles: Mapping[str, Role], tested: Mapping[str, Tested]
    ) -> None:
        for name, at, version in found:
            for where, role in _role_words(version, at):
                if role not in roles:
                    near = get_close_matches(role, roles, 1)
                    mend = f"Did you mean {near[0]!r}?" if near else "Describe it under [[version.role]]."
                    self._wrong(name, where, f"unknown role {role!r}", mend)
            for place, one in enumerate(version.role):
                if one.limit_on and one.limit_on not in tested and one.limit_on not in self._merged(found, "fields"):
                    self._wrong(name, ("version", at, "role", place, "limit_on"), f"unknown field {one.limit_on!r}")


def _places(found: Sequence[tuple[str, int, MatrixVersion]]) -> dict[tuple[str, str], tuple[str, Place]]:
    """Where each role and chain is written."""
    made: dict[tuple[str, str], tuple[str, Place]] = {}
    for name, at, version in found:
        for part in ("role", "chain"):
            for place, one in enumerate(getattr(version, part)):
                made.setdefault((part, one.name), (name, ("version", at, part, place)))
    return made


def _role_words(version: MatrixVersion, at: int) -> Iterator[tuple[Place, str]]:
    """Every place of a version where a role is named, and the name."""
    for place, rule in enumerate(version.rule):
        yield from ((("version", at, "rule", place, "ask", n), role) for n, role in enumerate(rule.ask))
    for place, chain in enumerate(version.chain):
        yield from ((("version", at, "chain", place, "steps", n), role) for n, group in enumerate(chain.groups) for role in group)
    for place, role in enumerate(version.role):
        base: Place = ("version", at, "role", place)
        if role.backup:
            yield (*base, "backup"), role.backup
        if role.escalate_to and role.escalate_to not in ("manager", "queue"):
            yield (*base, "escalate_to"), role.escalate_to
        yield from (((*base, "inherits_from", n), one) for n, one in enumerate(role.inherits_from))
    for place, table in enumerate(version.table):
        base = ("version", at, "table", place)
        if table.on_gap:
            yield (*base, "on_gap"), table.on_gap
        column = [output.name for output in table.table.outputs].index("ask")
        for row in table.table.rows:
            where: Place = (*base, "table", "rows", row.number - 1, len(table.table.inputs) + column)
            yield from ((where, role) for role in roles_of(row.outputs[column]))
    if version.floor:
        yield ("version", at, "floor", "otherwise"), version.floor.otherwise
    for key, text in version.fields.items():
        yield from ((("version", at, "fields", key, "tested_by", n), role) for n, role in enumerate(text.tested_by))


def roles_of(cell: Any) -> list[str]:
    """The roles that a table's `ask` names."""
    words = [part.strip() for part in str(cell or "").split(";")]
    return [word for word in words if word.casefold() not in NOBODY]


def used(formula: Formula) -> set[str]:
    """The fields that a formula reads; columns of lines as `lines.discount`."""
    made: set[str] = set()
    stack: list[tuple[Node, str]] = [(formula.tree, "")] if formula.tree else []
    while stack:
        node, rows = stack.pop()
        if node.op == "field" and node.type.kind != "rows":
            made.add(node.data)
        elif node.op == "part":
            made.add(f"{rows}.{node.data}")
        elif node.op == "agg":
            inner = node.args[0].data
            parts = [part for part in node.data[1:] if part is not None]
            stack += [(part, inner) for part in parts]
            continue
        stack += [(part, rows) for part in node.args]
    return made


def _type(text: FieldText, name: str, currency: str) -> Type:
    if text.rows:
        return Type("rows", fields={key: _typed(one.type, f"{name}.{key}", currency) for key, one in text.rows.items()})
    values = text.values or (text.worse if isinstance(text.worse, list) else [])
    if text.type == "picklist" and values:
        return type_of({"type": "picklist", "values": list(values)}, name)
    return _typed(text.type, name, currency)


def _typed(text: str, name: str, currency: str) -> Type:
    made = type_of(text, name)
    return type_of(f"{text} {currency}", name) if made.kind == "money" and currency and not made.currency else made


def _fits(kind: Type, column: str) -> bool:
    """Whether a decision table's column of that kind reads values of a type."""
    if column in ("number", "money", "percent"):
        return kind.numeric
    if column in ("text", "picklist"):
        return kind.textual
    return kind.kind == {"yesno": "yes/no"}.get(column, column)


__all__ = ["NOBODY", "Asker", "Rule", "Source", "Tested", "United", "roles_of", "unite", "used"]
