"""What becomes of hostile cells and files, as cases: through the command and through the upload page, never a traceback."""

import io
import struct
import time
import tomllib
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.html import escape
from typer.testing import CliRunner

from closedwon.base.errors import ClosedwonError
from closedwon.base.money import format_major
from closedwon.crm.actions import import_source
from closedwon.crm.tests.shown import check_shown
from closedwon.facts.store import store
from closedwon.jobs.models import Job
from closedwon.jobs.work import execute
from closedwon.people.actor import SYSTEM
from closedwon.policies.actions import apply_defaults

TEXT = tomllib.loads((Path(__file__).parents[1] / "cases/import.cases.toml").read_text(encoding="utf-8"))
CELLS, FILES = TEXT["cell"], TEXT["file"]
HEADINGS = {"id": "Id", "name": "Name", "stage": "Stage", "amount": "Amount", "currency": "Currency", "close_date": "Close"}
HEAD = """
currency = "USD"
date_formats = ["%Y-%m-%d", "%d/%m/%Y"]
[[map]]
table = "opportunities"
from = "NAME"
[map.columns]
id = { from = "Id", required = true }
"""


def mapping(columns, name):
    return HEAD.replace("NAME", name) + "".join(f'{column} = "{HEADINGS[column]}"\n' for column in columns if column != "id")


def book(parts):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            with archive.open(name, "w") as out:
                for piece in [data] if isinstance(data, bytes) else data:
                    out.write(piece)
    return made.getvalue()


def sheet(rows, before=b"", dimension=b""):
    cells = "".join(
        f'<row r="{n}">' + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row) + "</row>"
        for n, row in enumerate(rows, 1)
    ).encode()
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return {
        "[Content_Types].xml": f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/xl/workbook.xml" '
        f'ContentType="{types}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="{types}.worksheet+xml"/></Types>'.encode(),
        "_rels/.rels": f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>'.encode(),
        "xl/workbook.xml": b"<workbook " + space + f' xmlns:r="{rel}"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>'.encode(),
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{rel}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'.encode(),
        "xl/worksheets/sheet1.xml": before + b"<worksheet " + space + b">" + dimension + b"<sheetData>" + cells + b"</sheetData></worksheet>",
    }  # fmt: skip


GOOD = [["Id", "Name"], ["1", "a"]]


def told(archive, size):
    made = bytearray(archive)
    for mark, at in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        place = made.rindex(mark)
        made[place + at : place + at + 4] = struct.pack("<I", size)
    return bytes(made)


def built(kind):
    if kind == "wide":
        return book(sheet(GOOD, dimension=b'<dimension ref="A1:XFD1048576"/>'))
    if kind == "squeezed":
        return book({**sheet(GOOD), "xl/worksheets/sheet1.xml": (b" " * 10_000_000 for _ in range(5))})
    if kind in {"bomb", "liar"}:  # the size that the archive tells of its last part
        many = sheet([GOOD[0], *[["1", "a"]] * 9000])
        return told(book(many), 3_000_000_000 if kind == "bomb" else 3000)
    if kind == "strings":
        return book({**sheet(GOOD), "xl/sharedStrings.xml": (bytes(range(32, 127)) * 2106 * 5 for _ in range(201))})
    if kind == "entities":
        grows = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        return book(sheet(GOOD, before=grows))
    made = io.BytesIO()
    rows = {"Id": [1, 2], "Name": ["a", None], "Amount": [1.5, float("nan")], "Close": [None, None]}
    pq.write_table(pa.table(rows), made)
    return made.getvalue()


def data(case):
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    if "build" in case:
        return built(case["build"])
    text = case["text"].replace("{long}", "x" * case.get("long", 0))
    text = text.replace("{columns}", ",".join(f"c{n}" for n in range(case.get("columns", 0))))
    return text.encode(case.get("encoding", "utf-8"))


def columns_of(case):
    first = case.get("text", "Id,Name,Amount,Close" if case.get("build") == "parquet" else "Id,Name").replace("\r", "\n").split("\n")[0]
    named = [column for column, heading in HEADINGS.items() if heading in first.replace(";", ",").split(",")]
    return named or ["id", "name"]


@pytest.fixture
def company(ws):
    apply_defaults(SYSTEM)
    return ws


def command(*words):
    from closedwon.site.cli import app

    found = CliRunner().invoke(app, ["import", *map(str, words)])
    if isinstance(found.exception, ClosedwonError):
        assert "Traceback" not in found.output
        return found.exception.message
    assert found.exception is None, found.exception
    return found.output


@pytest.mark.parametrize("case", CELLS, ids=[f"{case['column']} {case['text']}" for case in CELLS])
def test_a_cell(company, tmp_path, case):
    row = {"id": "1", "name": "n", "amount": "1", "currency": "USD", "close_date": ""} | {case["column"]: case["text"]}
    (tmp_path / "deals.csv").write_text(
        ",".join(HEADINGS[name] for name in row) + "\n" + ",".join(f'"{value}"' for value in row.values()) + "\n", encoding="utf-8"
    )
    (tmp_path / "mapping.toml").write_text(mapping(row, "deals.csv"))
    report = import_source(tmp_path / "deals.csv", by=SYSTEM, mapping=tmp_path / "mapping.toml")
    if "refused" in case:
        assert [bad["reason"] for bad in report.quarantined] == [case["refused"]]
        return
    found = store().read("opportunities").to_pylist()[0]
    name = "amount_minor" if case["column"] == "amount" else case["column"]
    value = format_major(found[name], "USD") if name == "amount_minor" and found[name] is not None else found[name]
    assert ("empty" if value is None else str(value)) == case["becomes"]


@pytest.mark.parametrize("case", FILES, ids=[case["what"] for case in FILES])
def test_a_file_through_the_command_and_the_page(company, tmp_path, client, person, case):
    name, raw = case.get("name", "deals.csv"), data(case)
    assert len(raw) < 25_000_000
    text = mapping(columns_of(case), name)
    (tmp_path / name).write_bytes(raw)
    (tmp_path / "mapping.toml").write_text(text)
    client.force_login(person("ops@x.test", "sales-ops"))
    sent = client.post("/pipeline/import/upload", {"files": [SimpleUploadedFile(name, raw)]})
    assert sent.status_code == 302, sent.content
    client.post(sent.url, {"mapping": text})
    job = execute(Job.objects.filter(kind="crm.preview").latest("pk").pk)
    assert not job.trace, job.trace
    page = client.get(sent.url).content.decode()
    began = time.monotonic()
    said = command(tmp_path / name, "--mapping", tmp_path / "mapping.toml")
    assert time.monotonic() - began < 20
    if "says" in case:
        assert case["says"] in said
        assert (job.status, case["says"] in job.error) == ("failed", True), job.error
        assert escape(case["says"]) in page
        return
    assert store().count("opportunities") == case["taken"]
    assert job.result["tables"]["opportunities"]["inserted"] == case["taken"]
    for words in (case.get("refused"), case.get("noticed")):
        assert words is None or (words in said and escape(words) in page), said


def test_the_documentation_shows_the_cases():
    def cell(text):
        return str(text).replace("|", "\\|").replace("\n", " ")

    lines = ["| column | the cell | becomes | or is refused because |", "|---|---|---|---|"]
    lines += [
        f"| {case['column']} | {cell(case['text']) or '(empty)'} | {cell(case.get('becomes', ''))} | {cell(case.get('refused', ''))} |"
        for case in CELLS
    ]
    check_shown("import.md", "cells", "\n".join(lines))
    lines = ["| the file has | rows taken | what is said |", "|---|---:|---|"]
    for case in FILES:
        said = case.get("says") or case.get("refused") or case.get("noticed") or ""
        lines.append(f"| {case['what']} | {case.get('taken', 'none')} | {cell(said)} |")
    check_shown("import.md", "files", "\n".join(lines))
