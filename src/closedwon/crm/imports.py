"""Bringing facts in: read, map, check, merge, rebuild what hangs on them, publish one release, report."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.db import transaction
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.errors import Invalid, NotFound, Problem
from closedwon.base.policytext import load_text
from closedwon.base.tables import TABLES, table
from closedwon.connectors.files.read import Sheet, files, open_sheet
from closedwon.crm.mapping import BadCell, Reader, SourceMapping, some
from closedwon.crm.models import ImportRun
from closedwon.crm.refresh import make_ready, rebuild
from closedwon.crm.refused import PAY, cells_kept, without_values
from closedwon.facts.duck import lean
from closedwon.facts.intake import (
    Bad,
    Staged,
    Writer,
    changes_of,
    check_parquet,
    deletions,
    distinct,
    exclusive,
    strangers,
    take,
    told_fields,
    vanished,
)
from closedwon.facts.releases import publish
from closedwon.facts.store import Store, store
from closedwon.people.actions import after_import
from closedwon.people.actor import Actor
from closedwon.policies.actions import applied
from closedwon.workspace import current

FOLLOWED = (
    "stage", "forecast_category", "owner_id", "account_id", "amount_minor", "net_arr_minor", "renewal_base_minor", "tcv_minor",
    "services_minor", "currency", "close_date", "probability_ppm", "order_type", "next_step", "segment", "region",
)  # fmt: skip
"""Fields whose changes between two imports become events, where the source tells none itself."""
REFERENCES = (
    ("opportunities", "owner_id", "users"),
    ("opportunities", "account_id", "accounts"),
    ("opportunities", "product_id", "products"),
    ("users", "manager_id", "users"),
    ("accounts", "parent_id", "accounts"),
)
SHOWN = 200
Progress = Callable[[int, int, str], None]


@dataclass
class TableReport:
    """What happened to one table."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    deleted: int = 0


@dataclass
class Report:
    """What an import took, changed, refused and noticed."""

    source: str
    dry_run: bool
    tables: dict[str, TableReport] = field(default_factory=dict)
    quarantined: list[dict[str, Any]] = field(default_factory=list)
    quarantined_total: int = 0
    notices: list[dict[str, Any]] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    release: int | None = None
    run: int | None = None

    @property
    def changed(self) -> bool:
        """Whether any row is new or different."""
        return any(item.inserted or item.updated or item.deleted for item in self.tables.values())

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-ready values."""
        return asdict(self)

    def counts(self) -> dict[str, Any]:
        """The report without any row of it."""
        numbers = {name: asdict(item) for name, item in self.tables.items()}
        return {
            "tables": numbers,
            "quarantined": self.quarantined_total,
            "alarms": self.alarms,
            "release": self.release,
            "import": self.run,
        }

    def notice(self, text: str, count: int, rows: list[int] | tuple[int, ...] = (), file: str = "") -> None:
        """Add something that was noticed, with its first row numbers."""
        self.notices.append({"text": text, "count": count, "rows": list(rows)[:SHOWN], "file": file})


def read_mapping(text: str, name: str = "mapping") -> SourceMapping:
    """The mapping that a text stands for. Raises Invalid with every mistake and its line."""
    mapping, problems = load_text(text, SourceMapping, name)
    if mapping is None:
        raise Invalid(f"The mapping has {len(problems)} mistake(s).", problems=problems)
    return mapping


def import_source(
    path: str | Path,
    *,
    by: Actor,
    mapping: str | Path | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Take a file or folder in. With a mapping its files become named tables; without one they carry the named tables' own names.

    A dry run reports the same and writes nothing. Importing the same again changes nothing. Raises Invalid where the source or mapping
    cannot be used at all; rows that do not fit are quarantined and reported.
    """
    by.need("admin", "sales-ops", to="import facts")
    source = Path(path)
    text = _mapping_text(Path(mapping)) if mapping else None
    spec = read_mapping(text, str(mapping)) if text is not None else None
    say = progress or (lambda _done, _total, _text: None)
    report = Report(str(source), dry_run)
    with tempfile.TemporaryDirectory(prefix="closedwon-import-") as folder:
        say(0, 4, "Reading the files")
        bad: list[Bad] = []
        staged = _stage_mapped(source, spec, Path(folder), report, bad) if spec else _stage_named(source, Path(folder), report, bad)
        for name in {item.table_name for item in bad} & set(staged):
            staged[name].complete = False  # a refused row may be one that a complete source holds
        if not any(item.files for item in staged.values()):
            raise Invalid(
                f"{source.name} holds nothing that can be taken.",
                problems=[Problem(without_values(b.reason), b.file, row=b.row) for b in bad[:20]],
                mend="A file has a first line that names its columns and, below it, rows that fit the mapping."
                if bad or spec
                else "Name a file as its table, as in opportunities.csv, or give a mapping.",
            )
        at = store()
        if dry_run:
            for name, item in staged.items():
                gone = _gone(at, item, timezone.now())
                _count(report, name, *take(at, item, txn="", dry_run=True, complete=_drops(item)), bad)
                _deleted(report, name, gone)
            _finish_bad(report, bad)
            _stage_alarms(report, staged)
            return report
        with exclusive(at, "import"), lean():
            return _commit(at, staged, source, _digest(source, text), by, report, bad, say)


def _mapping_text(file: Path) -> str:
    if not file.is_file():
        raise NotFound(f"The mapping {file} does not exist.", mend="Check the path; example/maven.toml shows the form of one.")
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"The mapping {file} cannot be read.", mend="It is text in UTF-8; check that, and who may read it.") from error


def _digest(source: Path, text: str | None) -> str:
    whole = hashlib.sha256((text or "").encode())
    for file in files(source):
        whole.update(file.name.encode())
        with file.open("rb") as handle:
            while chunk := handle.read(1 << 20):
                whole.update(chunk)
    return whole.hexdigest()


def _commit(
    at: Store, staged: dict[str, Staged], source: Path, digest: str, by: Actor, report: Report, bad: list[Bad], say: Progress
) -> Report:
    """Merge every table, then publish. A run that was killed is taken up again: its transactions are skipped where they landed."""
    run = ImportRun.objects.filter(digest=digest, status="running").order_by("-id").first()
    run = run or ImportRun.objects.create(started_at=timezone.now(), by=by.name, source=str(source)[:500], digest=digest)
    try:
        gone = {name: found for name, item in staged.items() if (found := _gone(at, item, run.started_at)) is not None}
        _events(at, staged, run, gone.get("opportunities"))
        for done, (name, item) in enumerate(staged.items()):
            say(done, len(staged) + 2, f"Taking in {name}")
            merge, refused = take(at, item, txn=f"import-{run.pk}-{name}", complete=_drops(item))
            _count(report, name, merge, refused, bad)
            if name in gone:
                at.merge(name, gone[name], txn=f"import-{run.pk}-{name}-gone")
                _deleted(report, name, gone[name])
        _finish_bad(report, bad, at, run)
        _look(report, at, staged)
        say(len(staged), len(staged) + 2, "Rebuilding the history of deals")
        # every table as it stands, so that what a killed run wrote before is published too
        versions: dict[str, int | None] = {name: version for name, version in at.tables().items() if TABLES[name].shelf != "marts"}
        rebuilt = rebuild(at, versions)
    except Exception:
        run.status, run.finished_at = "failed", timezone.now()
        run.save()
        raise
    with transaction.atomic():
        release = publish(versions | rebuilt, note=f"import of {source.name}")
        report.release, report.run = release.pk, run.pk
        run.status, run.finished_at, run.release, run.report = "done", timezone.now(), release, json.loads(json.dumps(report.as_dict()))
        run.save()
        record(
            by=by.name,
            channel=by.channel,
            verb="facts.imported",
            subject=f"import:{run.pk}",
            detail={
                "source": source.name,
                "digest": digest,
                "release": release.pk,
                "tables": {name: asdict(item) for name, item in report.tables.items()},
            },
        )
    after_import([name for name, item in report.tables.items() if item.inserted or item.updated], by=by)
    make_ready(by=by)
    return report


def _drops(item: Staged) -> bool:
    """Whether rows that a complete source does not hold are dropped; a table that can mark a row as deleted keeps it."""
    return item.complete and table(item.name).column("deleted_at") is None


def _gone(at: Store, item: Staged, when: datetime) -> pa.Table | None:
    """The rows to be marked as deleted because a complete source does not hold them, and those that came back."""
    return vanished(at, item, when) if item.complete and not _drops(item) else None


def _deleted(report: Report, name: str, gone: pa.Table | None) -> None:
    if gone is not None:
        report.tables.setdefault(name, TableReport()).deleted = gone.num_rows - gone["deleted_at"].null_count


def _events(at: Store, staged: dict[str, Staged], run: ImportRun, gone: pa.Table | None) -> None:
    """Fields of which the source tells no changes of its own: the differences to what was there become events."""
    if "opportunities" not in staged:
        return
    told = told_fields(staged["opportunity_changes"]) if "opportunity_changes" in staged else set()
    found = changes_of(at, staged["opportunities"], tuple(name for name in FOLLOWED if name not in told), run.started_at)
    parts = [found] if found is not None else []
    if gone is not None and "deleted_at" not in told:
        parts.append(deletions(gone, run.started_at))
    if parts:
        at.merge("opportunity_changes", pa.concat_tables(parts, promote_options="permissive"), txn=f"import-{run.pk}-events")


def _count(report: Report, name: str, merge: Any, refused: list[Bad], bad: list[Bad]) -> None:
    entry = report.tables.setdefault(name, TableReport())
    entry.inserted, entry.updated, entry.unchanged = merge.inserted, merge.updated, merge.unchanged
    bad.extend(refused)


def _finish_bad(report: Report, bad: list[Bad], at: Store | None = None, run: ImportRun | None = None) -> None:
    """Put refused rows into the report and, in a real import, into quarantine."""
    for item in bad:
        report.tables.setdefault(item.table_name, TableReport()).quarantined += 1
    report.quarantined = [asdict(item) for item in bad[:SHOWN]]
    report.quarantined_total = len(bad)
    if at is None or run is None or not bad:
        return
    rows: dict[tuple[str, int], Bad] = {}
    for item in bad:
        rows.setdefault((f"{item.file}:{item.table_name}", item.row), item)
    from closedwon.facts.arrow import rows_to_table

    made = [asdict(item) | {"file": file, "import_id": str(run.pk)} for (file, _row), item in rows.items()]
    at.merge("quarantine", rows_to_table(made, table("quarantine").columns), txn=f"import-{run.pk}-quarantine")


def _stage_named(source: Path, folder: Path, report: Report, bad: list[Bad]) -> dict[str, Staged]:
    """Files that carry the named tables' own names: Parquet as it is, CSV and Excel by their headers."""
    staged: dict[str, Staged] = {}
    for file in files(source):
        name = file.stem
        if name.startswith("truth_"):
            continue
        if name not in TABLES or TABLES[name].shelf == "marts" or name == "quarantine":
            if name != "quarantine":
                report.notice(f"{file.name} is not a named table and was left alone", 1)
            continue
        if file.suffix.lower() == ".parquet":
            check_parquet(file, name)
            staged.setdefault(name, Staged(name)).files.append(file)
        else:
            sheet = open_sheet(file)
            unknown = [column for column in sheet.header if table(name).column(column) is None]
            if unknown:
                some = ", ".join(column[:60] or "(no name)" for column in unknown[:10])
                raise Invalid(
                    f"{file.name} has columns that the table {name} does not: {some}{' …' if len(unknown) > 10 else ''}.",
                    mend="Give a mapping that says which column becomes what; columns of your own are named x_something.",
                )
            columns = {column: {"from": column, "unit": "minor"} for column in sheet.header}
            spec = SourceMapping.model_validate({"map": [{"table": name, "from": file.name, "columns": columns}]})
            _stage_sheets([(sheet, spec, 0)], folder, report, bad, staged, {})
    return dict(sorted(staged.items()))


def _stage_mapped(source: Path, spec: SourceMapping, folder: Path, report: Report, bad: list[Bad]) -> dict[str, Staged]:
    """Files that a mapping turns into named tables."""
    by_name = {file.name: file for file in files(source)}
    wanted = {part.from_ for part in spec.map}
    missing = sorted(wanted - set(by_name))
    if missing and source.is_file() and len(wanted) == 1:
        by_name = {missing[0]: source}
    elif missing:
        raise NotFound(f"{source} has no {', '.join(missing)}, which the mapping wants.", mend=f"It has: {some(sorted(by_name))}.")
    lookups = _lookups(spec, by_name)
    staged: dict[str, Staged] = {}
    for number, part in enumerate(spec.map):
        sheet = open_sheet(by_name[part.from_])
        _stage_sheets([(sheet, spec, number)], folder, report, bad, staged, lookups)
    for file in sorted(set(by_name) - wanted - {file for file, _key, _value in lookups}):
        report.notice(f"{file} is not used by the mapping", 1)
    return staged


def _lookups(spec: SourceMapping, by_name: dict[str, Path]) -> dict[tuple[str, str, str], dict[str, str]]:
    from closedwon.crm.mapping import ColumnMap

    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for part in spec.map:
        for column in part.columns.values():
            look = column.lookup if isinstance(column, ColumnMap) else None
            if look is None or (look.file, look.key, look.value) in found:
                continue
            if look.file not in by_name:
                raise NotFound(f"The mapping looks things up in {look.file}, which is not there.")
            sheet = open_sheet(by_name[look.file])
            for name in (look.key, look.value):
                if name not in sheet.header:
                    raise Invalid(f"{look.file} has no column {name!r}.", mend=f"It has: {some(sheet.header)}.")
            key, value = sheet.header.index(look.key), sheet.header.index(look.value)
            found[look.file, look.key, look.value] = {cells[key].strip(): cells[value].strip() for _n, cells in sheet.rows}
    return found


def _stage_sheets(
    parts: list[tuple[Sheet, SourceMapping, int]],
    folder: Path,
    report: Report,
    bad: list[Bad],
    staged: dict[str, Staged],
    lookups: dict[tuple[str, str, str], dict[str, str]],
) -> None:
    workspace = current()
    for sheet, spec, number in parts:
        part = spec.map[number]
        reader = Reader(part, spec, sheet.header, spec.zone or workspace.zone, workspace.settings.currency, lookups)
        fields = [name for name, _read, _column, _major, _spec in reader.fills]
        if any(name.endswith("_minor") for name in fields) and table(part.table).column("currency") and "currency" not in fields:
            fields.append("currency")
        raw = cells_kept(part, sheet.header)
        writer = Writer(folder, part.table, fields, len(list(folder.iterdir())))
        for row, cells in sheet.rows:
            try:
                made = reader.row(cells, row)
            except BadCell as error:
                said = without_values(error.message) if error.column in PAY.get(part.table, ()) else error.message
                bad.append(Bad(sheet.name, row, part.table, said, error.column, raw(cells)))
                continue
            if made is not None:
                writer.add(made, sheet.name, row)
        item = staged.setdefault(part.table, Staged(part.table))
        item.files.append(writer.close())
        item.complete = item.complete or part.complete
        bad.extend(Bad(sheet.name, p.row or p.line or 0, part.table, p.message) for p in sheet.problems)
        for note in sheet.notes:
            if not any(item["text"] == note and item["file"] == sheet.name for item in report.notices):
                report.notice(note, 1, file=sheet.name)
        for text, rows in reader.notices.counts.items():
            if not any(item["text"] == text and item["file"] == sheet.name for item in report.notices):
                report.notice(text, reader.notices.totals[text], rows, sheet.name)
        if part.table == "opportunities" and "account_id" in fields:
            _missing_accounts(sheet, folder, report, staged[part.table].files[-1])


def _missing_accounts(sheet: Sheet, _folder: Path, report: Report, file: Path) -> None:
    import pyarrow.parquet as pq

    from closedwon.facts.intake import ROW

    rows = pq.read_table(file, columns=["account_id", ROW])
    missing = [row for account, row in zip(rows["account_id"].to_pylist(), rows[ROW].to_pylist(), strict=True) if account is None]
    if missing:
        report.notice("a deal has no account" if len(missing) == 1 else "deals have no account", len(missing), missing, sheet.name)


def _look(report: Report, at: Store, staged: dict[str, Staged]) -> None:
    """What stands in the tables now that should be known: references that lead nowhere, stages that the policy does not know."""
    for name, column, other in REFERENCES:
        if name in staged:
            found = strangers(at, name, column, other)
            if found:
                report.notice(f"{name}.{column} names {', '.join(found.values[:5])}, not in {other}", found.rows)
    if "opportunities" in staged or "opportunity_changes" in staged:
        report.alarms += unknown_stages(at)


def unknown_stages(at: Store) -> list[str]:
    """Stages in the data that the pipeline policy does not know, each as a sentence."""
    return _alarms(distinct(at, "opportunities", "stage"))


def _alarms(counts: dict[str, int]) -> list[str]:
    known = {stage.name for stage in applied("pipeline").stages}
    return [
        f"{_deals(count)} in the stage {name!r}, which the pipeline policy does not know"
        for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0] or ""))
        if name is not None and name not in known
    ]


def _deals(count: int) -> str:
    return "1 deal is" if count == 1 else f"{count:,} deals are"


def _stage_alarms(report: Report, staged: dict[str, Staged]) -> None:
    """The same alarms for a dry run, from the staged rows."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    counts: dict[str, int] = {}
    for file in staged["opportunities"].files if "opportunities" in staged else []:
        if "stage" in pq.read_schema(file).names:
            for item in pc.value_counts(pq.read_table(file, columns=["stage"])["stage"]).to_pylist():
                counts[item["values"]] = counts.get(item["values"], 0) + item["counts"]
    report.alarms += _alarms(counts)
