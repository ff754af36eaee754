"""What past requests would have needed, as SQL: a policy's formulas and decision tables compiled over the table of past requests. Pure.

The same as `preview` says of each request, person by person left aside: the outcome, and the roles in their order. Only fields that the policy
reads are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from closedwon.approvals.rules.cells import cells
from closedwon.approvals.rules.united import Asker, United, roles_of
from closedwon.base.rule import Rule
from closedwon.base.tables import Column, columns, table
from closedwon.formula.decisions.sql import is_single, predicate, select
from closedwon.formula.formula import Formula, sql_of
from closedwon.formula.sql.dialect import Dialect, dialect_of

OUTPUTS = columns("id submitted_on:date outcome roles minutes:int then_outcome then_roles then_minutes:int")
PARAMS = columns("kind start:date stop:date")
KEEP = ("id", "submitted_on", "state", "auto_reason", "asked_roles", "minutes")
"""Columns of a past request that are carried through."""


@dataclass(frozen=True, eq=False)
class BacktestRule(Rule):
    """Past requests of a kind to what a policy would have asked for each, beside what was asked."""

    united: United = field(kw_only=True)
    took: Mapping[str, int] = field(kw_only=True, default_factory=dict)

    def around(self, dialect: str, text: str) -> str:
        """The policy over the requests."""
        return _Writer(self.united, dialect_of(dialect), self.took).whole(text)


def backtest_rule(united: United, took: Mapping[str, int] | None = None, custom: Iterable[Column] = ()) -> BacktestRule:
    """The rule of a policy on a day. `took` is how many business minutes a role takes; a role without one takes its clock's hours."""
    own = table("approval_requests").columns
    inputs = {"approval_requests": (*own, *custom), "params": PARAMS}
    return BacktestRule(
        "approval_backtest",
        "closedwon.approvals",
        "sql/backtest.sql",
        inputs,
        OUTPUTS,
        ("submitted_on", "id"),
        united=united,
        took=took or {},
    )


@dataclass
class _Asked:
    """When an asker speaks for each role, when it forbids, and when it fails, as SQL tests."""

    roles: dict[str, list[str]] = field(default_factory=dict)
    forbids: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def ask(self, role: str, test: str) -> None:
        self.roles.setdefault(role, []).append(test)


@dataclass
class _Writer:
    """Writes the policy for one dialect, one named SELECT after the other."""

    united: United
    dialect: Dialect
    took: Mapping[str, int]
    parts: list[tuple[str, str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def whole(self, text: str) -> str:
        """The whole text around the requests."""
        if self.united.is_empty or self.united.problems:
            return f"SELECT {self._then()}, 'incomplete' AS outcome, '' AS roles, CAST(NULL AS BIGINT) AS minutes FROM ({text}) AS asked"
        self._typed(text)
        self._computed()
        self._spoken()
        asked = self._tables()
        self._marked(asked)
        for chain in (one for one in self.united.chains if one.mode == "highest"):
            self._highest(chain.groups)
        last = self._ended()
        named = ",\n".join(f"{name} AS ({body})" for name, body in self.parts)
        return f"WITH {named}\n{last}"

    def _then(self) -> str:
        outcome = "CASE WHEN COALESCE(auto_reason, '') <> '' THEN 'auto-approved' ELSE state END AS then_outcome"
        return f"id, submitted_on, {outcome}, COALESCE(asked_roles, '') AS then_roles, minutes AS then_minutes"

    def _add(self, name: str, body: str) -> str:
        self.parts.append((name, body))
        return name

    @property
    def last(self) -> str:
        """The name of the SELECT before."""
        return self.parts[-1][0]

    def _name(self, name: str) -> str:
        return self.dialect.name(name)

    # values

    def _used(self) -> list[str]:
        """The fields that formulas, tables and required explanations read, computed values with all they need."""
        made: dict[str, None] = {}
        formulas = [one for _, one in self.united.computes] + [one.when for one in self.united.askers if one.when]
        formulas += [one for _, one in self.united.explanations] + ([self.united.floor[1]] if self.united.floor else [])
        for formula in formulas:
            made |= dict.fromkeys(formula.fields)
        for asker in self.united.askers:
            made |= dict.fromkeys(column.name for column in (asker.table.inputs if asker.table else ()))
        for told, _ in self.united.explanations:
            made |= dict.fromkeys(told.require)
        computed = dict(self.united.computes)
        return [name for name in made if name in self.united.types and name not in computed]

    def _typed(self, text: str) -> None:
        """Each field of its type, and whether a value could not be read."""
        made = cells(self.united.types, self._used(), self.dialect, self.united.currency)
        told = [f"{cell.value} AS {self._name(f'f {name}')}" for name, cell in made.items()]
        tests = [f"({cell.unreadable})" for cell in made.values() if cell.unreadable]
        if self.united.currency:
            foreign = f"(currency <> {self.dialect.text(self.united.currency)} AND currency <> '')"
            tests.append(f"({foreign} AND (rate_ppb IS NULL OR rate_ppb <= 0))")
        moment = f"CAST(COALESCE(submitted_at, CAST(submitted_on AS TIMESTAMP)) AS {self.dialect.moment})"
        told += [f"CAST({moment} AS DATE) AS {self._name('f TODAY()')}", f"{moment} AS {self._name('f NOW()')}"]
        wrong = f"COALESCE({' OR '.join(tests) or 'FALSE'}, FALSE) AS wrong_0"
        own = ", ".join(KEEP)
        self._add("given", f"SELECT {own}, {', '.join([*told, wrong])} FROM ({text}) AS asked")
        named = [f"{self._name(f'f {name}')} AS {self._name(name)}" for name in [*made, "TODAY()", "NOW()"]]
        renamed = [f"{name} AS {self._name(f'own {name}')}" for name in KEEP]
        self.kept = [f"own {name}" for name in KEEP] + ["wrong_0"] + [*made, "TODAY()", "NOW()"]
        self._add("typed", f"SELECT {', '.join([*renamed, 'wrong_0', *named])} FROM given")

    def _keep(self) -> str:
        return ", ".join(self._name(name) for name in self.kept)

    def _computed(self) -> None:
        """Computed values in the order of their dependencies, those of one level together."""
        left = dict(self.united.computes)
        level = 0
        while left:
            level += 1
            ready = {name: one for name, one in left.items() if not set(one.fields) & set(left)}
            body = sql_of({f"v{at}": one for at, one in enumerate(ready.values())}, self._dialect, self.last, tuple(self.kept))
            cells_, wrong = [], [f"wrong_{level - 1}"]
            for at, name in enumerate(ready):
                kind = self.united.types[name]
                value = f"v{at}"
                if kind.numeric and not kind.approx:
                    value = f"TRY_CAST(ROUND({value}, {kind.scale}) AS DECIMAL({kind.whole + kind.scale},{kind.scale}))"
                cells_.append(f"{value} AS {self._name(name)}")
                wrong.append(f"v{at}_error IS NOT NULL")
            kept = [name for name in self.kept if name != f"wrong_{level - 1}"]
            told = [*(self._name(name) for name in kept), *cells_, f"({' OR '.join(wrong)}) AS wrong_{level}"]
            self._add(f"computed_{level}", f"SELECT {', '.join(told)} FROM ({body}) AS c")
            self.kept = [*kept, f"wrong_{level}", *ready]
            for name in ready:
                del left[name]
        self.wrong = f"wrong_{level}"

    @property
    def _dialect(self) -> str:
        return "spark" if self.dialect.spark else "duckdb"

    # what rules say

    def _spoken(self) -> None:
        """Every formula of a rule, a table's guard, the floor and the required explanations."""
        formulas: dict[str, Formula] = {f"r{one.order}": one.when for one in self.united.askers if one.when}
        formulas |= {f"x{at}": one for at, (_, one) in enumerate(self.united.explanations)}
        if self.united.floor:
            formulas["floor"] = self.united.floor[1]
        if formulas:
            self._add("spoken", sql_of(formulas, self._dialect, self.last, tuple(self.kept)))
            self.kept = [*self.kept, *(part for name in formulas for part in (name, f"{name}_error"))]
        self.formulas = formulas

    def _tables(self) -> _Asked:
        """Decision tables, one SELECT for each that gives one row; whom each asker asks."""
        asked = _Asked()
        asked.wrong = [f"{name}_error IS NOT NULL" for name in self.formulas]
        for asker in self.united.askers:
            if asker.table is None:
                for role in asker.ask if not asker.forbid else ():
                    asked.ask(role, f"r{asker.order}")
                if asker.forbid:
                    asked.forbids.append(f"r{asker.order}")
            elif is_single(asker.table) and asker.table.hit != "COLLECT":
                self._single(asker, asked)
            elif asker.table.hit == "COLLECT" and asker.table.aggregate != "list":
                self._gap(asker, "TRUE", asked)
            else:
                self._several(asker, asked)
        return asked

    def _guarded(self, asker: Asker, test: str) -> str:
        return f"(r{asker.order} AND {test})" if asker.when else test

    def _gap(self, asker: Asker, test: str, asked: _Asked) -> None:
        """Where no row covers a request, or several do that may not: the role of the gap, else a mistake."""
        role = asker.on_gap or (self.united.floor[0].otherwise if self.united.floor else "")
        if role:
            asked.ask(role, self._guarded(asker, test))
        else:
            asked.wrong.append(self._guarded(asker, test))

    def _single(self, asker: Asker, asked: _Asked) -> None:
        made = asker.table
        assert made is not None  # noqa: S101 - the caller looked
        hit, bad = f"t{asker.order}", f"t{asker.order}_bad"
        shown = replace(made, outputs=tuple(replace(one, name=f"out {at}") for at, one in enumerate(made.outputs)))
        body = select(shown, self.last, None, self.dialect)
        self._add(f"tabled_{asker.order}", f"SELECT {self._keep()}, hit_row AS {hit}, (hit_error IS NOT NULL) AS {bad} FROM ({body}) AS d")
        self.kept = [*self.kept, hit, bad]
        at = [output.name for output in made.outputs].index("ask")
        rows: dict[str, list[str]] = {}
        for row in made.rows:
            for role in roles_of(row.outputs[at]):
                rows.setdefault(role, []).append(str(row.number))
        for role, numbers in rows.items():
            asked.ask(role, self._guarded(asker, f"(NOT {bad} AND COALESCE({hit} IN ({', '.join(numbers)}), FALSE))"))
        if made.has_default:
            for role in roles_of(made.default.get("ask")):
                asked.ask(role, self._guarded(asker, f"(NOT {bad} AND {hit} IS NULL)"))
        self._gap(asker, bad if made.has_default else f"({bad} OR {hit} IS NULL)", asked)

    def _several(self, asker: Asker, asked: _Asked) -> None:
        """A table whose rows each add roles."""
        made = asker.table
        assert made is not None  # noqa: S101 - the caller looked
        given = {column.name: self._name(column.name) for column in made.inputs}
        at = [output.name for output in made.outputs].index("ask")
        tests = {row.number: f"COALESCE({predicate(made, row, given, self.dialect)}, FALSE)" for row in made.rows}
        for row in made.rows:
            for role in roles_of(row.outputs[at]):
                asked.ask(role, self._guarded(asker, tests[row.number]))
        if made.has_default:
            for role in roles_of(made.default.get("ask")):
                asked.ask(role, self._guarded(asker, f"NOT ({' OR '.join(tests.values()) or 'FALSE'})"))

    # who is asked

    def _marked(self, asked: _Asked) -> None:
        """One yes or no for each role; the floor's role where no rule speaks and the floor does not hold."""
        spoke = " OR ".join(f"({test})" for tests in asked.roles.values() for test in tests) or "FALSE"
        missing = []
        for at, (told, _) in enumerate(self.united.explanations):
            blank = " OR ".join(self._blank(name) for name in told.require)
            missing.append(f"(x{at} AND ({blank}))")
        wrong = " OR ".join([self.wrong, *(f"({test})" for test in asked.wrong)])
        told_ = [
            *(self._name(f"own {name}") for name in KEEP), f"({spoke}) AS spoke", f"({' OR '.join(asked.forbids) or 'FALSE'}) AS forbidden",
            f"({' OR '.join(missing) or 'FALSE'}) AS missing", f"({wrong}) AS wrong",
        ]  # fmt: skip
        if self.united.floor:
            told_.append("NOT floor AS above_floor")
        roles = list(self.united.roles)
        for at, role in enumerate(roles):
            told_.append(f"({' OR '.join(asked.roles.get(role, [])) or 'FALSE'}) AS ask_{at}")
        self._add("said", f"SELECT {', '.join(told_)} FROM {self.last}")
        cells_ = []
        for at, role in enumerate(roles):
            if self.united.roles[role].auto:
                cells_.append(f"FALSE AS ask_{at}")
            elif self.united.floor and role == self.united.floor[0].otherwise:
                cells_.append(f"(ask_{at} OR (NOT spoke AND above_floor)) AS ask_{at}")
            else:
                cells_.append(f"ask_{at}")
        self._add("asked_for", f"SELECT {self._owns()}, {', '.join(cells_ or ['FALSE AS nobody'])} FROM said")

    def _owns(self) -> str:
        return ", ".join([*(self._name(f"own {name}") for name in KEEP), "forbidden", "missing", "wrong"])

    def _blank(self, name: str) -> str:
        """Whether a field is empty; lines are never, a list of none is a value."""
        kind = self.united.types.get(name)
        return "FALSE" if kind is not None and kind.kind == "rows" else f"{self._name(name)} IS NULL"

    def _highest(self, groups: list[list[str]]) -> None:
        """Of a chain in which only the last counts, the roles below it are left out."""
        roles = list(self.united.roles)
        places = {role: at for at, group in enumerate(groups) for role in group}
        cells_ = []
        for at, role in enumerate(roles):
            above = [f"ask_{n}" for n, other in enumerate(roles) if role in places and places.get(other, -1) > places[role]]
            cells_.append(f"(ask_{at} AND NOT ({' OR '.join(above)})) AS ask_{at}" if above else f"ask_{at}")
        self._add(f"highest_{len(self.parts)}", f"SELECT {self._owns()}, {', '.join(cells_)} FROM {self.last}")

    def _ended(self) -> str:
        """Outcome, roles in their order, and how long it would take."""
        names = list(self.united.roles)
        ordered = sorted(range(len(names)), key=lambda at: self.united.rank(names[at]))
        listed = " || ".join(f"CASE WHEN ask_{at} THEN {self.dialect.text(';' + names[at])} ELSE '' END" for at in ordered) or "''"
        some = " OR ".join(f"ask_{at}" for at in ordered) or "FALSE"
        outcome = (
            "CASE WHEN forbidden THEN 'forbidden' WHEN missing OR wrong THEN 'incomplete' "
            f"WHEN {some} THEN 'needs-approval' ELSE 'auto-approved' END"
        )
        groups: dict[int, list[str]] = {}
        unknown = []
        for at, name in enumerate(names):
            takes = minutes_of(self.united, name, self.took)
            if takes is None:
                unknown.append(f"ask_{at}")
            else:
                groups.setdefault(self.united.group(name), []).append(f"CASE WHEN ask_{at} THEN {takes} ELSE 0 END")
        spans = [f"GREATEST({', '.join(found)})" if len(found) > 1 else found[0] for found in groups.values()]
        none = " OR ".join(["forbidden", "missing", "wrong", *unknown])
        minutes = f"CASE WHEN {none} THEN NULL ELSE CAST({' + '.join(spans) or '0'} AS BIGINT) END"
        own = ", ".join(f"{self._name(f'own {name}')} AS {name}" for name in KEEP if name != "minutes")
        inner = f"SELECT {own}, {self._name('own minutes')} AS minutes, {listed} AS listed, {outcome} AS found, {minutes} AS takes FROM {self.last}"
        return f"SELECT {self._then()}, found AS outcome, SUBSTRING(listed, 2) AS roles, takes AS minutes FROM ({inner}) AS asked"


def minutes_of(united: United, role: str, took: Mapping[str, int]) -> int | None:
    """How many business minutes a role takes: as in the past, else its clock's; None where it has neither."""
    if role in took:
        return took[role]
    told = united.roles.get(role)
    return told.sla_hours * 60 if told is not None and told.sla_hours else None
