"""Decision tables in and out of DMN 1.x XML (OMG); export writes DMN 1.4."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

from defusedxml import ElementTree

from closedwon.base.errors import Problem
from closedwon.formula.decisions import values
from closedwon.formula.decisions.cells import Compare, Equals, Item, Range, Test
from closedwon.formula.decisions.table import DecisionTable, Input, Output, build
from closedwon.formula.decisions.values import Kind

NAMESPACE = "https://www.omg.org/spec/DMN/20211108/MODEL/"
OURS = "https://closedwon.example/decision-table"
_TYPES = {
    "number": "number", "money": "number", "percent": "number", "text": "string", "picklist": "string", "date": "date",
    "datetime": "date and time", "time": "time", "duration": "days and time duration", "months": "years and months duration",
    "yesno": "boolean",
}  # fmt: skip
_KINDS = {
    "number": "number", "string": "text", "boolean": "yesno", "date": "date", "date and time": "datetime", "datetime": "datetime",
    "time": "time", "days and time duration": "duration", "daytimeduration": "duration", "years and months duration": "months",
    "yearmonthduration": "months", "integer": "number", "long": "number", "double": "number", "decimal": "number",
}  # fmt: skip
_AGGREGATION = {"SUM": "sum", "MIN": "min", "MAX": "max", "COUNT": "count"}


_CALLS = {"duration": "duration", "months": "duration", "datetime": "date and time", "date": "date", "time": "time"}


def feel(value: Any, kind: Kind) -> str:
    """A value as FEEL writes it: as a cell does, but with a call around what has no literal, and no percent sign."""
    shown = values.show(value, "number" if kind == "percent" else kind)
    if value is None or isinstance(value, bool | Decimal):
        return shown
    if kind in _CALLS:
        return f'{_CALLS[kind]}("{shown}")'
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _feel_item(item: Item) -> str:
    if isinstance(item, Equals):
        return feel(item.value, item.kind)
    if isinstance(item, Compare):
        return f"{item.op} {feel(item.value, item.kind)}"
    assert isinstance(item, Range)  # noqa: S101 - the third and last kind of item
    return f"{'[' if item.low_in else '('}{feel(item.low, item.kind)}..{feel(item.high, item.kind)}{']' if item.high_in else ')'}"


def _feel_test(test: Test) -> str:
    text = ", ".join(map(_feel_item, test.items)) or "-"
    return f"not({text})" if test.negated else text


def to_dmn(table: DecisionTable) -> str:
    """The table as a DMN 1.4 document with one decision."""
    ET.register_namespace("", NAMESPACE)
    ET.register_namespace("cw", OURS)
    root = ET.Element(_tag("definitions"), {"name": table.name, "namespace": OURS, "id": "definitions"})
    decision = ET.SubElement(root, _tag("decision"), {"name": table.name, "id": "decision"})
    if table.reference:
        ET.SubElement(decision, _tag("description")).text = table.reference
    attributes = {"hitPolicy": table.hit, "id": "table"}
    if table.aggregate != "list":
        attributes["aggregation"] = table.aggregate.upper()
    grid = ET.SubElement(decision, _tag("decisionTable"), attributes)
    for column in table.inputs:
        _write_input(grid, column)
    for output in table.outputs:
        _write_output(grid, output)
    ET.SubElement(grid, _tag("annotation"), {"name": "note"})
    for row in table.rows:
        rule = ET.SubElement(grid, _tag("rule"), {"id": f"row{row.number}"})
        for test in row.tests:
            _entry(rule, "inputEntry", _feel_test(test))
        for value, output in zip(row.outputs, table.outputs, strict=True):
            _entry(rule, "outputEntry", feel(value, output.kind))
        _entry(rule, "annotationEntry", row.note)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _entry(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(ET.SubElement(parent, _tag(tag)), _tag("text")).text = text


def _write_input(grid: ET.Element, column: Input) -> None:
    attributes = {"label": column.name, f"{{{OURS}}}kind": column.kind}
    if column.nullable:
        attributes[f"{{{OURS}}}nullable"] = "true"
    made = ET.SubElement(grid, _tag("input"), attributes)
    expression = ET.SubElement(made, _tag("inputExpression"), {"typeRef": _TYPES[column.kind]})
    ET.SubElement(expression, _tag("text")).text = column.name
    if column.values:
        _entry(made, "inputValues", ", ".join(feel(value, column.kind) for value in column.values))


def _write_output(grid: ET.Element, column: Output) -> None:
    attributes = {"name": column.name, "typeRef": _TYPES[column.kind], f"{{{OURS}}}kind": column.kind}
    if column.monotone:
        attributes[f"{{{OURS}}}monotone"] = ";".join(f"{name} {way}" for name, way in column.monotone.items())
    made = ET.SubElement(grid, _tag("output"), attributes)
    if column.values:
        _entry(made, "outputValues", ", ".join(feel(value, column.kind) for value in column.values))
    if column.default is not None:
        _entry(made, "defaultOutputEntry", feel(column.default, column.kind))


def from_dmn(text: str, decision: str | None = None, file: str | None = None) -> tuple[DecisionTable | None, list[Problem]]:
    """The decision table of a DMN 1.x document: the only one, or the one that `decision` names."""
    try:
        root = ElementTree.fromstring(text)
    except Exception as error:  # noqa: BLE001 - malformed, or an attack that defusedxml refused
        return None, [Problem(f"the file is not readable XML: {error}", file)]
    grids = [(item.get("name", ""), grid) for item in _all(root, "decision") for grid in _children(item, "decisionTable")]
    found = [(name, grid) for name, grid in grids if decision in {None, name}]
    if len(found) != 1:
        names = ", ".join(name for name, _ in grids) or "none"
        return None, [Problem(f"found {len(found)} decision tables", file, mend=f"Name one of: {names}")]
    return build(_read(*found[0]), file)


def _local(tag: Any) -> str:
    return str(tag).rpartition("}")[2]


def _all(root: Any, name: str) -> list[Any]:
    return [item for item in root.iter() if _local(item.tag) == name]


def _children(item: Any, name: str) -> list[Any]:
    return [child for child in item if _local(child.tag) == name]


def _text(item: Any) -> str:
    found = _children(item, "text")
    return (found[0].text or "").strip() if found else ""


def _ours(item: Any, name: str) -> str:
    return str(item.get(f"{{{OURS}}}{name}", ""))


def _read(name: str, grid: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"table": name, "hit": grid.get("hitPolicy", "UNIQUE"), "inputs": [], "outputs": [], "rows": []}
    if grid.get("aggregation"):
        given["aggregate"] = _AGGREGATION.get(grid.get("aggregation"), grid.get("aggregation"))
    for column in _children(grid, "input"):
        expression = next(iter(_children(column, "inputExpression")), column)
        kind = _ours(column, "kind") or _kind(expression.get("typeRef"))
        made = {"name": _text(expression) or column.get("label", ""), "type": kind, "nullable": _ours(column, "nullable") == "true"}
        given["inputs"].append(made | _listed(column, "inputValues", kind))
    for column in _children(grid, "output"):
        kind = _ours(column, "kind") or _kind(column.get("typeRef"))
        made = {"name": column.get("name") or column.get("label") or name or "output", "type": kind} | _listed(column, "outputValues", kind)
        for item in _children(column, "defaultOutputEntry"):
            made["default"] = _literal(_text(item), kind)
        if _ours(column, "monotone"):
            made["monotone"] = dict(pair.rsplit(" ", 1) for pair in _ours(column, "monotone").split(";"))
        given["outputs"].append(made)
    kinds = [column["type"] for column in given["outputs"]]
    for rule in _children(grid, "rule"):
        row = [_text(item) for item in _children(rule, "inputEntry")]
        row += [_literal(_text(item), kind) for item, kind in zip(_children(rule, "outputEntry"), kinds, strict=False)]
        note = " ".join(filter(None, map(_text, _children(rule, "annotationEntry")))) or " ".join(
            (item.text or "").strip() for item in _children(rule, "description")
        )
        given["rows"].append([*row, note] if note else row)
    return given


def _kind(type_ref: str | None) -> str:
    return _KINDS.get((type_ref or "string").rpartition(":")[2].lower(), "text")


def _listed(column: Any, tag: str, kind: str) -> dict[str, Any]:
    """The declared values of a column; a range or comparison there is left to the cells."""
    found = [_text(item) for item in _children(column, tag)]
    if not found or re.search(r"\.\.|[<>]", re.sub(r'"[^"]*"', "", found[0])):
        return {}
    parts = re.findall(r'(?:"(?:[^"\\]|\\.)*"|\w[\w ]*\("[^"]*"\)|[^,\s][^,]*)', found[0])
    return {"values": [_literal(part.strip(), kind) for part in parts]}


def _literal(text: str, kind: str) -> str:
    """A FEEL literal as one of our output cells."""
    call = re.fullmatch(r'(?:date and time|date|time|duration)\s*\(\s*"([^"]*)"\s*\)', text)
    if call:
        return call[1]
    if kind in {"text", "picklist"} and len(text) > 1 and text[0] == text[-1] == '"':
        inner = re.sub(r"\\(.)", r"\1", text[1:-1])
        return values.show(inner, "text")
    return text
