"""What past requests would have needed, as SQL: a policy's formulas and decision tables compiled over the table of past requests. Pure.

The same as `preview` says of each request, person by person left aside: the outcome, and the roles in their order. Only fields that the policy
reads are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from closedwon.approvals.rules.cells import Cells, cells
from closedwon.approvals.rules.measures import every, inputs
from closedwon.approvals.rules.united import Asker, United, roles_of
from closedwon.base.errors import Invalid
from closedwon.base.rule import Rule
from closedwon.base.tables import columns
from closedwon.formula.decisions import DecisionTable
from closedwon.formula.decisions.sql import is_single, predicate, select
from closedwon.formula.formula import Formula, compile, sql_of  # noqa: A004 - the language's own word
from closedwon.formula.sql.dialect import Dialect, dialect_of

OUTPUTS = columns(
    "id number submitted_on:date region currency amount_minor outcome roles minutes:int then_outcome then_roles then_minutes:int"
)
KEEP = ("id", "number", "submitted_on", "region", "currency", "amount_minor", "state", "auto_reason", "asked_roles", "minutes")
"""Columns of a past request that are carried through."""


@dataclass(frozen=True, eq=False)
class BacktestRule(Rule):
    """Past requests of a kind to what a policy would have asked for each, beside what was asked."""

    united: United = field(kw_only=True)
    took: Mapping[str, int] = field(kw_only=True, default_factory=dict)

    @cached_property
    def sql(self) -> str:
        """The text over published and live requests."""
        return super().sql.replace("every_request", every("every_request"))

    def around(self, dialect: str, text: str) -> str:
        """The policy over the requests."""
        return _Writer(self.united, dialect_of(dialect), self.took).whole(text)


def backtest_rule(united: United, took: Mapping[str, int] | None = None) -> BacktestRule:
    """The rule of a policy on a day. `took` is how many business minutes a role takes; a role without one takes its clock's hours."""
    given = inputs("every_request")
    return BacktestRule(
        "approval_backtest",
        "closedwon.approvals",
        "sql/backtest.sql",
        given,
        OUTPUTS,
        ("submitted_on", "id"),
        united=united,
        took=took or {},
    )


MOST_ROLES = 62
"""Roles whose marks fit a whole number of 64 bits."""


@dataclass
class _Asked:
    """What askers say, as SQL: the marks of the roles that they ask, when they forbid, and when they fail."""

    marks: list[str] = field(default_factory=list)
    forbids: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def ask(self, mark: int, test: str) -> None:
        """The roles of a mark, where a test holds."""
        if mark:
            self.marks.append(f"CASE WHEN {test} THEN {mark} ELSE 0 END")


@dataclass
class _Writer:
    """Writes the policy for one dialect, one named SELECT after the other."""

    united: United
    dialect: Dialect
    took: Mapping[str, int]
    parts: list[tuple[str, str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    wrong: str = "wrong_0"
    formulas: dict[str, Formula] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Numbers of requests are held as whole numbers at their type's scale, so formulas are compiled for that."""
        computed = dict(self.united.computes)
        self.base = {name: kind for name, kind in self.united.types.items() if name not in computed and kind.numeric and not kind.approx}
        self.types = {**self.united.types, **{name: replace(kind, stored="scaled") for name, kind in self.base.items()}}

    def _sql(self, formulas: Mapping[str, Formula]) -> str:
        """Several formulas over the SELECT before."""
        made = {name: compile(one.text, self.types) for name, one in formulas.items()}
        return sql_of(made, "spark" if self.dialect.spark else "duckdb", self.last, tuple(self.kept))

    def whole(self, text: str) -> str:
        """The whole text around the requests."""
        if self.united.is_empty or self.united.problems:
            return f"SELECT {self._then()}, 'incomplete' AS outcome, '' AS roles, CAST(NULL AS BIGINT) AS minutes FROM ({text}) AS asked"
        if len(self.united.roles) > MOST_ROLES:
            raise Invalid(f"The policy names {len(self.united.roles)} roles, and a back-test holds {MOST_ROLES}.", mend="Name fewer roles.")
        self._typed(text)
        self._computed()
        self._spoken()
        asked = self._tables()
        self._marked(asked)
        for chain in (one for one in self.united.chains if one.mode == "highest"):
            self._highest(chain.groups)
        last = self._ended()
        named = ",\n".join(f"{name} AS {self._once(name)}({body})" for name, body in self.parts)
        return f"WITH {named}\n{last}"

    def _then(self) -> str:
        outcome = "CASE WHEN COALESCE(auto_reason, '') <> '' THEN 'auto-approved' ELSE state END AS then_outcome"
        return f"id, number, submitted_on, region, currency, amount_minor, {outcome}, COALESCE(asked_roles, '') AS then_roles, minutes AS then_minutes"

    def _once(self, name: str) -> str:
        """Where columns are read several times each, DuckDB is told to keep them; else it works them out anew for each use."""
        return "MATERIALIZED " if not self.dialect.spark and name.startswith(("tabled", "said", "spoken", "computed")) else ""

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
        writer = Cells(self.dialect, self.united.currency)
        made = cells(self.united.types, self._used(), writer)
        told = [f"{cell.value} AS {self._name(f'f {name}')}" for name, cell in made.items()]
        tests = [f"({cell.unreadable})" for cell in made.values() if cell.unreadable]
        if self.united.currency:
            foreign = f"(currency <> {self.dialect.text(self.united.currency)} AND currency <> '')"
            tests.append(f"({foreign} AND (rate_ppb IS NULL OR rate_ppb <= 0))")
        moment = f"CAST(COALESCE(submitted_at, CAST(submitted_on AS TIMESTAMP)) AS {self.dialect.moment})"
        told += [f"CAST({moment} AS DATE) AS {self._name('f TODAY()')}", f"{moment} AS {self._name('f NOW()')}"]
        wrong = f"COALESCE({' OR '.join(tests) or 'FALSE'}, FALSE) AS wrong_0"
        own = ", ".join(KEEP)
        self._add("given", f"SELECT {own}, {', '.join([*told, wrong])} FROM ({writer.source(text)}) AS asked")
        named = [f"{self._name(f'f {name}')} AS {self._name(name)}" for name in [*made, "TODAY()", "NOW()"]]
        tabled = [name for name in made if name in self.base and name in self._tabled()]
        named += [f"{self.dialect.scaled(self._name(f'f {name}'), self.base[name])} AS {self._name(f'd {name}')}" for name in tabled]
        renamed = [f"{name} AS {self._name(f'own {name}')}" for name in KEEP]
        self.kept = [f"own {name}" for name in KEEP] + ["wrong_0"] + [*made, "TODAY()", "NOW()"]
        self.kept += [f"d {name}" for name in tabled]
        self._add("typed", f"SELECT {', '.join([*renamed, 'wrong_0', *named])} FROM given")

    def _tabled(self) -> set[str]:
        """What decision tables read."""
        return {column.name for asker in self.united.askers for column in (asker.table.inputs if asker.table else ())}

    def _inputs(self, made: DecisionTable) -> dict[str, str]:
        """The columns of a table's inputs: numbers as decimals."""
        return {column.name: self._name(f"d {column.name}" if column.name in self.base else column.name) for column in made.inputs}

    def _keep(self) -> str:
        return ", ".join(self._name(name) for name in self.kept)

    def _computed(self) -> None:
        """Computed values in the order of their dependencies, those of one level together."""
        left = dict(self.united.computes)
        level = 0
        while left:
            level += 1
            ready = {name: one for name, one in left.items() if not set(one.fields) & set(left)}
            body = self._sql({f"v{at}": one for at, one in enumerate(ready.values())})
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

    # what rules say

    def _spoken(self) -> None:
        """Every formula of a rule, a table's guard, the floor and the required explanations."""
        formulas: dict[str, Formula] = {f"r{one.order}": one.when for one in self.united.askers if one.when}
        formulas |= {f"x{at}": one for at, (_, one) in enumerate(self.united.explanations)}
        if self.united.floor:
            formulas["floor"] = self.united.floor[1]
        if formulas:
            self._add("spoken", self._sql(formulas))
            self.kept = [*self.kept, *(part for name in formulas for part in (name, f"{name}_error"))]
        self.formulas = formulas

    def _tables(self) -> _Asked:
        """Decision tables, one SELECT for each that gives one row; whom each asker asks."""
        asked = _Asked()
        asked.wrong = [f"{name}_error IS NOT NULL" for name in self.formulas]
        for asker in self.united.askers:
            if asker.table is None:
                if asker.forbid:
                    asked.forbids.append(f"r{asker.order}")
                else:
                    asked.ask(self._mark(asker.ask), f"r{asker.order}")
            elif is_single(asker.table) and asker.table.hit != "COLLECT":
                self._single(asker, asker.table, asked)
            elif asker.table.hit == "COLLECT" and asker.table.aggregate != "list":
                self._gap(asker, "TRUE", asked)
            else:
                self._several(asker, asker.table, asked)
        return asked

    def _mark(self, roles: Iterable[str]) -> int:
        """One bit for each role."""
        names = list(self.united.roles)
        return sum(1 << names.index(role) for role in dict.fromkeys(roles))

    def _guarded(self, asker: Asker, test: str) -> str:
        return f"(r{asker.order} AND {test})" if asker.when else test

    def _gap(self, asker: Asker, test: str, asked: _Asked) -> None:
        """Where no row covers a request, or several do that may not: the role of the gap, else a mistake."""
        role = asker.on_gap or (self.united.floor[0].otherwise if self.united.floor else "")
        if role:
            asked.ask(self._mark([role]), self._guarded(asker, test))
        else:
            asked.wrong.append(self._guarded(asker, test))

    def _single(self, asker: Asker, made: DecisionTable, asked: _Asked) -> None:
        """A table of which one row decides: its number is found once, and the roles are read from it."""
        hit, bad = f"t{asker.order}", f"t{asker.order}_bad"
        shown = replace(made, outputs=tuple(replace(one, name=f"out {at}") for at, one in enumerate(made.outputs)))
        body = select(shown, self.last, self._inputs(made), self.dialect)
        self._add(f"tabled_{asker.order}", f"SELECT {self._keep()}, hit_row AS {hit}, (hit_error IS NOT NULL) AS {bad} FROM ({body}) AS d")
        self.kept = [*self.kept, hit, bad]
        at = [output.name for output in made.outputs].index("ask")
        marks = {row.number: self._mark(roles_of(row.outputs[at])) for row in made.rows}
        if any(marks.values()):
            listed = [f"CAST({marks.get(number, 0)} AS BIGINT)" for number in range(1, max(marks) + 1)]
            found = self.dialect.pick(listed, f"({hit} - 1)")
            asked.marks.append(f"CASE WHEN {self._guarded(asker, f'(NOT {bad} AND {hit} IS NOT NULL)')} THEN {found} ELSE 0 END")
        if made.has_default:
            asked.ask(self._mark(roles_of(made.default.get("ask"))), self._guarded(asker, f"(NOT {bad} AND {hit} IS NULL)"))
        self._gap(asker, bad if made.has_default else f"({bad} OR {hit} IS NULL)", asked)

    def _several(self, asker: Asker, made: DecisionTable, asked: _Asked) -> None:
        """A table whose rows each add roles."""
        given = self._inputs(made)
        at = [output.name for output in made.outputs].index("ask")
        tests = {row.number: f"COALESCE({predicate(made, row, given, self.dialect)}, FALSE)" for row in made.rows}
        for row in made.rows:
            asked.ask(self._mark(roles_of(row.outputs[at])), self._guarded(asker, tests[row.number]))
        if made.has_default:
            none = f"NOT ({' OR '.join(tests.values()) or 'FALSE'})"
            asked.ask(self._mark(roles_of(made.default.get("ask"))), self._guarded(asker, none))

    # who is asked

    def _marked(self, asked: _Asked) -> None:
        """The marks of all roles that are asked; the floor's role where no rule speaks and the floor does not hold; rungs that need nobody left out."""
        missing = []
        for at, (told, _) in enumerate(self.united.explanations):
            missing.append(f"(x{at} AND ({' OR '.join(self._blank(name) for name in told.require)}))")
        wrong = " OR ".join([self.wrong, *(f"({test})" for test in asked.wrong)])
        above = "NOT floor" if self.united.floor else "FALSE"
        cells_ = [
            *(self._name(f"own {name}") for name in KEEP), f"({' OR '.join(asked.forbids) or 'FALSE'}) AS forbidden",
            f"({' OR '.join(missing) or 'FALSE'}) AS missing", f"({wrong}) AS wrong", f"{above} AS above_floor",
            f"CAST({self._united(asked.marks)} AS BIGINT) AS said",
        ]  # fmt: skip
        self._add("said", f"SELECT {', '.join(cells_)} FROM {self.last}")
        auto = self._mark(name for name, role in self.united.roles.items() if role.auto)
        every = self._mark(self.united.roles)
        floor = self._mark([self.united.floor[0].otherwise]) if self.united.floor else 0
        asks = f"said & {every & ~auto}" if auto else "said"
        if floor:
            asks = f"CASE WHEN said = 0 AND above_floor THEN {floor} ELSE {asks} END"
        self._add("asked_for", f"SELECT {self._owns()}, CAST({asks} AS BIGINT) AS asks FROM said")

    def _united(self, marks: list[str]) -> str:
        """Marks taken together, in halves, so that many are no deep nest."""
        if len(marks) <= 1:
            return marks[0] if marks else "0"
        half = len(marks) // 2
        return f"(({self._united(marks[:half])}) | ({self._united(marks[half:])}))"

    def _owns(self) -> str:
        return ", ".join([*(self._name(f"own {name}") for name in KEEP), "forbidden", "missing", "wrong"])

    def _blank(self, name: str) -> str:
        """Whether a field is empty; lines are never, a list of none is a value."""
        kind = self.united.types.get(name)
        return "FALSE" if kind is not None and kind.kind == "rows" else f"{self._name(name)} IS NULL"

    def _highest(self, groups: list[list[str]]) -> None:
        """Of a chain in which only the last counts, the roles below it are left out."""
        places = {role: at for at, group in enumerate(groups) for role in group}
        arms = []
        for at in range(len(groups) - 1, 0, -1):
            here = self._mark(role for role, place in places.items() if place == at)
            below = self._mark(role for role, place in places.items() if place < at)
            arms.append(f"WHEN (asks & {here}) <> 0 THEN asks & {self._mark(self.united.roles) & ~below}")
        if arms:
            body = f"SELECT {self._owns()}, CAST(CASE {' '.join(arms)} ELSE asks END AS BIGINT) AS asks FROM {self.last}"
            self._add(f"highest_{len(self.parts)}", body)

    def _ended(self) -> str:
        """Outcome, roles in their order, and how long it would take."""
        ordered = sorted(self.united.roles, key=self.united.rank)
        asks = {name: f"(asks & {self._mark([name])}) <> 0" for name in ordered}
        listed = " || ".join(f"CASE WHEN {asks[name]} THEN {self.dialect.text(';' + name)} ELSE '' END" for name in ordered) or "''"
        outcome = (
            "CASE WHEN forbidden THEN 'forbidden' WHEN missing OR wrong THEN 'incomplete' "
            "WHEN asks <> 0 THEN 'needs-approval' ELSE 'auto-approved' END"
        )
        groups: dict[int, list[str]] = {}
        unknown = []
        for name in ordered:
            takes = minutes_of(self.united, name, self.took)
            if takes is None:
                unknown.append(asks[name])
            else:
                groups.setdefault(self.united.group(name), []).append(f"CASE WHEN {asks[name]} THEN {takes} ELSE 0 END")
        spans = [f"GREATEST({', '.join(found)})" if len(found) > 1 else found[0] for found in groups.values()]
        none = " OR ".join(["forbidden", "missing", "wrong", *unknown])
        minutes = f"CASE WHEN {none} THEN NULL ELSE CAST({' + '.join(spans) or '0'} AS BIGINT) END"
        own = ", ".join(f"{self._name(f'own {name}')} AS {name}" for name in KEEP)
        inner = f"SELECT {own}, {listed} AS listed, {outcome} AS found, {minutes} AS takes FROM {self.last}"
        return f"SELECT {self._then()}, found AS outcome, SUBSTRING(listed, 2) AS roles, takes AS minutes FROM ({inner}) AS asked"


def minutes_of(united: United, role: str, took: Mapping[str, int]) -> int | None:
    """How many business minutes a role takes: as in the past, else its clock's; None where it has neither."""
    if role in took:
        return took[role]
    told = united.roles.get(role)
    return told.sla_hours * 60 if told is not None and told.sla_hours else None
