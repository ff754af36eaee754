"""Cases beside a policy: what is given, and what every named step must come to, exactly."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from closedwon.base.errors import Invalid
from closedwon.base.policytext import load_text
from closedwon.policies.registry import PolicyKind


@dataclass(frozen=True)
class CaseResult:
    """One case of a policy: its name, whether every named step came out as expected, and what did not."""

    name: str
    passed: bool
    differences: tuple[str, ...]


_BESIDE: ContextVar[Mapping[str, Any] | None] = ContextVar("beside", default=None)


def beside() -> Mapping[str, Any]:
    """The other documents of the collection, by name, while a case of one of them is run: those of the same folder, else those in force."""
    return _BESIDE.get() or {}


@contextmanager
def standing_beside(others: Mapping[str, Any]) -> Iterator[None]:
    """Let `beside` give these documents."""
    token = _BESIDE.set(others)
    try:
        yield
    finally:
        _BESIDE.reset(token)


def run_cases(found: PolicyKind, text: str, cases: str, file: str = "", others: Mapping[str, Any] | None = None) -> list[CaseResult]:
    """Run a policy's cases: each named step of `expect` is compared exactly. Raises Invalid where text or cases cannot be read.

    `others` are the documents that `beside` gives to a case of a collection.
    """
    policy, problems = load_text(text, found.model, found.file)
    if policy is None:
        raise Invalid(f"The {found.name} policy has {len(problems)} mistake(s).", problems=problems)
    if found.run_case is None:
        raise Invalid(f"Policies of the kind {found.name} have no cases.")
    with standing_beside(others or {}):
        return [_run_case(found, policy, case) for case in read_cases(cases, file)]


def read_cases(text: str, file: str = "") -> list[dict[str, Any]]:
    """The cases of a text. Raises Invalid where it is no TOML, or something else stands where cases are wanted."""
    try:
        given = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{file or 'The cases'} cannot be read: {error}.") from error
    made = given.get("case", [])
    shape = isinstance(made, list) and all(isinstance(one, dict) for one in made)
    if not shape or not all(isinstance(one.get(part, {}), dict) for one in made for part in ("given", "expect")):
        raise Invalid(f"{file or 'The cases'} do not look like cases.", mend="Each is a [[case]] with name, given = {…} and expect = {…}.")
    return made


def _run_case(found: PolicyKind, policy: Any, case: dict[str, Any]) -> CaseResult:
    name = str(case.get("name", "unnamed"))
    try:
        got = found.run_case(policy, case.get("given", {}))  # type: ignore[misc]
    except Exception as error:  # noqa: BLE001 - whatever a case provokes is its result
        return CaseResult(name, passed=False, differences=(str(error),))
    wanted = case.get("expect", {})
    came = {step: plain(value) for step, value in got.items()}
    wrong = [f"{step}: expected {value}, got {came.get(step)}" for step, value in wanted.items() if came.get(step) != value]
    return CaseResult(name, passed=not wrong and bool(wanted), differences=tuple(wrong) or (() if wanted else ("it expects nothing",)))


def plain(value: Any) -> Any:
    """A value as TOML can hold it: what a case expects is compared with this."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    return value if value is None or isinstance(value, bool | int | float | str | Decimal) or hasattr(value, "isoformat") else str(value)
