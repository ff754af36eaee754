# ruff: noqa: INP001 - a script, no package
"""The generated reference pages under docs/reference: `python scripts/docs.py` writes them, `--check` says which are not up to date."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = Path("docs/reference")
SOURCE = ROOT / "src" / "closedwon"
BY = "This page is written by `make docs`; change the source, not the page."

SETTINGS = {
    "company": "The company's name, as pages show it.",
    "currency": "The company's currency. Roll-ups are in it unless another is asked for.",
    "time_zone": "A date means the close of that day in this time zone; a bare date in a file is the start of the day there.",
    "database_url": "The database of decisions. Empty: SQLite in the workspace. For a team: `postgres://user:password@host/name`.",
    "facts_url": "Where the fact tables lie. Empty: the folder `facts` in the workspace. Else a folder or `s3://bucket/path`.",
    "engine": "What runs the rules: `duckdb` on this machine, or `spark`.",
    "locale": "How pages write numbers and dates, as in `en`, `de`, `en_GB`.",
    "base_url": "The address under which people reach the site. With `https://` cookies are secure and plain requests are redirected.",
    "demo": "A demo: quiet logs, and every host name is answered on an open address. Not for a company's own data.",
    "calendar.kind": "`months`, or weeks as `4-4-5`, `4-5-4` or `5-4-4`.",
    "calendar.start_month": "The month in which the fiscal year begins.",
    "calendar.year_label": "The fiscal year is named after the calendar year of its `end` or its `start`.",
    "calendar.week_ends": "With weeks: the weekday on which the year ends.",
    "calendar.anchor": "With weeks: the year ends on the `last` such weekday of the month, or on the one `nearest` to its end.",
    "storage": "Options of S3-compatible storage, without secrets, as in `AWS_ENDPOINT_URL` and `AWS_REGION`.",
    "imports.folders": "Folders of this machine, and all below them, from which the import page may take files. Relative ones are of the workspace.",
    "imports.keep_days": "Days for which uploaded files are kept after their import is over, and after the last look at an upload that nobody imported.",
    "connections": "Settings of connected systems. Nothing reads it yet.",
}

ENVIRONMENT = {
    "CLOSEDWON_WORKSPACE": ("run", "The workspace folder, where `--workspace` is not given."),
    "CLOSEDWON_AS": ("", "Set by `--as EMAIL`; not meant to be set by hand."),
    "CLOSEDWON_DATABASE_URL": ("run", "The database, before what `database_url` says. The place for its password."),
    "CLOSEDWON_SLACK_WEBHOOK": ("run", "Where the weekly summary is posted in Slack, as far as the summary policy names it."),
    "CLOSEDWON_HOSTS": ("run", "Further host names that the site answers to, comma-separated."),
    "CLOSEDWON_TRUSTED_PROXY": ("run", "The address of the proxy in front; its `X-Forwarded-For` and `X-Forwarded-Proto` are believed."),
    "CLOSEDWON_EMAIL_URL": (
        "run",
        "The mail server, as `smtp://user:password@host:587?tls=1`. Without it mail is printed where the site runs.",
    ),
    "CLOSEDWON_SLACK_TOKEN": ("run", "The bot token with which approvals are told in Slack; without it they are not."),
    "CLOSEDWON_SLACK_SIGNING_SECRET": (
        "run",
        "The secret that proves that a button was pressed in Slack; without it every button is refused.",
    ),
    "CLOSEDWON_WEBHOOK_URL": ("run", "The https address that is told of every decided request."),
    "CLOSEDWON_WEBHOOK_SECRET": ("run", "The secret that signs what the webhook is told."),
    "CLOSEDWON_EMAIL_FROM": ("run", "The sender of mail."),
    "CLOSEDWON_METRICS_TOKEN": ("run", "The bearer token that opens `/metrics` to other machines."),
    "CLOSEDWON_LOG": ("run", "`text` for logs that people read; by default JSON lines."),
    "CLOSEDWON_LOG_LEVEL": ("run", "The level of logs, `WARNING` by default."),
    "CLOSEDWON_ACCESS_LOG": ("run", "The level from which requests are logged, `INFO` by default."),
    "CLOSEDWON_ENGINE_MEMORY": ("run", "Memory of the engine in each process: `1500MB`, in the site `350MB`."),
    "CLOSEDWON_ENGINE_THREADS": ("run", "Threads of the engine in each process: the processors, at most 4; in the site 2."),
    "CLOSEDWON_SPILL": (
        "run",
        "The folder for what does not fit into memory; by default a temporary one. On a Spark cluster it must be shared.",
    ),
    "CLOSEDWON_SPARK_MASTER": ("run", "The Spark master, `local[2]` by default."),
    "CLOSEDWON_DEBUG": ("develop", "`1` shows where closedwon failed. Never on a site that others reach."),
    "CLOSEDWON_TEST_DATA": ("develop", "The folder of data sets that tests may use."),
    "CLOSEDWON_TEST_DATABASE_URL": ("develop", "The PostgreSQL that tests run on."),
    "CLOSEDWON_REQUIRE": ("develop", "Parts that tests may not leave out: `browser postgres spark data`."),
    "CLOSEDWON_BACKTEST_EXAMPLES": (
        "develop",
        "How many requests the test of the back-test of approvals draws for each policy; 250 by default.",
    ),
    "CLOSEDWON_BENCH": ("develop", "The benchmarks that `make bench` runs, by name; all by default."),
    "CLOSEDWON_UPDATE_SCREENSHOTS": ("develop", "`1` keeps the pictures that the browser tests take as `docs/screenshots`."),
    "CLOSEDWON_UPDATE_SNAPSHOTS": ("develop", "`1` lets tests write the committed Spark SQL anew."),
    "CLOSEDWON_BROWSER_DEMO": ("develop", "A demo folder that browser tests use instead of a new one."),
    "CLOSEDWON_FUZZ_SECONDS": ("develop", "How long formulas are fuzzed."),
    "CLOSEDWON_FORMULA_CASES": ("develop", "A file of formula cases, instead of the one in the test data."),
    "CLOSEDWON_FORMULA_EXAMPLES": ("develop", "How many generated formulas the property test compares."),
}

ROLES = {
    "admin": ("people and settings; no deals, no pay", "Runs the site and decides who may do what."),
    "sales-ops": ("every deal, or those of one region", "Brings the facts in, keeps the policies, submits for others."),
    "executive": ("every deal", "Reads the whole forecast, approves corrections of seats."),
    "manager": ("own deals and those of everyone below", "Runs a team's forecast."),
    "rep": ("own deals, splits, deal teams, account teams", "Owns deals."),
    "se": ("the same as a rep", "Works on deals of others as a solution engineer."),
    "csm": ("the same as a rep", "Looks after customers and renewals."),
    "overlay": ("the same as a rep", "Specialist with overlay splits."),
    "partner-manager": ("the same as a rep", "Works with partners."),
    "deal-desk": ("every deal", "Looks at how deals are built."),
    "comp-admin": ("the identity map; pay needs the right `pay` besides", "Keeps who is who for pay."),
    "finance": ("every deal", "Reads bookings and forecast."),
    "enablement": ("nothing of deals", "For the rooms that come later."),
    "salesforce-admin": ("data quality, without the rows of deals", "Keeps the source clean."),
    "auditor": ("everything, read-only; each look is noted", "Reads and exports the trail."),
}


def boot() -> None:
    """Start Django over a workspace that is thrown away, unless it is started."""
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        return
    from closedwon.workspace import settings
    from closedwon.workspace.boot import boot as start

    settings.use(settings.create(Path(tempfile.mkdtemp(prefix="closedwon-docs-")) / "ws", 'company = "Docs"\n'))
    start()


def cell(text: object) -> str:
    """Text as a cell of a Markdown table."""
    return str(text).replace("|", "\\|").replace("\n", " ").strip()


def rows(titles: str, lines: list[tuple[object, ...]]) -> str:
    """A Markdown table; `titles` are separated by |."""
    names = titles.split("|")
    head = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return "\n".join([*head, *(f"| {' | '.join(cell(part) for part in line)} |" for line in lines)])


TYPES = {
    "text": "text", "int": "whole number", "bool": "yes or no", "date": "date", "instant": "instant, UTC", "decimal": "number with six decimals",
    "number": "number",
}  # fmt: skip
SHELVES = {
    "copies": "Copies of other systems, and rows decided here for the same table. An import writes them.",
    "snapshots": "The pipeline as it stood. Append-only; back them up, because the source forgets.",
    "marts": "Built from the others after every import. Other tools may read them.",
    "truth": "The generator's truth.",
}


def tables_page() -> str:
    """Every named table with its columns, types and key."""
    from closedwon.base import tables

    parts = [
        f"# The named tables\n\n{BY} The source is `src/closedwon/base/tables.py`.\n",
        "Every import, connector, rule and policy case is checked against these tables. Ids are text. An amount is `<name>_minor`, a whole "
        "number of minor units, beside a `currency`; a mapping may name it without `_minor` and give major units. Shares and probabilities are "
        "`<name>_ppm`, parts per million. Exchange rates are `rate_ppb`, parts per billion per major unit. Instants end in `_at` and are UTC. "
        "Dated rows hold from `since` (inclusive) until `until` (exclusive; empty is open). Any table may carry custom columns `x_<name>`.\n",
    ]
    for shelf, about in SHELVES.items():
        found = [item for item in tables.TABLES.values() if item.shelf == shelf]
        if not found:
            continue
        parts.append(f"## {shelf.capitalize()}\n\n{about}\n")
        for item in found:
            lines = [
                (f"`{c.name}`", TYPES[c.type], "key" if c.name in item.key else "" if c.nullable else "required") for c in item.columns
            ]
            parts.append(f"### {item.name}\n\n{item.doc}.\n\n{rows('column|type|', lines)}\n")
    return "\n".join(parts)


def root_command() -> Any:
    """The command line as a tree of commands."""
    import typer

    from closedwon.site.cli import app

    return typer.main.get_command(app)


def commands(group: Any, path: str = "closedwon") -> Iterator[tuple[str, Any]]:
    """Every command under a group with its full name, in the order of the help."""
    for name, found in group.commands.items():
        if hasattr(found, "commands"):
            yield from commands(found, f"{path} {name}")
        else:
            yield f"{path} {name}", found


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value == "" or value is False or callable(value):
        return ""
    return f"`{value}`" if not isinstance(value, bool) else "yes"


def _parameter(parameter: Any) -> tuple[str, str, str]:
    if type(parameter).__name__ == "TyperArgument":
        name = parameter.metavar or parameter.name.upper()
    else:
        name = ", ".join(parameter.opts) + "".join(f" / {other}" for other in parameter.secondary_opts)
        name += "" if parameter.is_flag else f" {parameter.metavar or 'VALUE'}"
    more = f" Also from `{parameter.envvar}`." if parameter.envvar else ""
    return f"`{name}`", f"{parameter.help or ''}{more}", _default(parameter)


def _options(command: Any) -> str:
    return rows(
        "argument or option|meaning|default", [_parameter(item) for item in command.params if not item.hidden and item.name != "help"]
    )


def commands_page() -> str:
    """Every command with its help and options."""
    root = root_command()
    parts = [
        f"# Commands\n\n{BY} `closedwon COMMAND --help` says the same.\n",
        "```\nclosedwon [--workspace WS] [--as EMAIL] COMMAND ...\n```\n",
        _options(root) + "\n",
        "A command that fails says what, where and how to mend it. Its exit code is 0 when it worked, 1 when a check found something, 2 for input "
        "that is not valid, 3 for what the actor may not do, 4 for what is not there, 5 for a conflict, 6 for what is not ready, 70 for a fault "
        "of closedwon.\n",
    ]
    for name, found in commands(root):
        words = name.removeprefix("closedwon ")
        table = _options(found) if [item for item in found.params if item.name != "help"] else "It takes no options."
        parts.append(f"## {words}\n\n{' '.join((found.help or '').split())}\n\n{table}\n")
    return "\n".join(parts)


def setting_names() -> list[tuple[str, Any]]:
    """Every key of closedwon.toml with its default, tables as `table.key`."""
    from closedwon.workspace.settings import Settings

    found: list[tuple[str, Any]] = []
    for name, field in Settings.model_fields.items():
        value = field.get_default(call_default_factory=True)
        if hasattr(type(value), "model_fields"):
            found += [(f"{name}.{key}", item.get_default()) for key, item in type(value).model_fields.items()]
        else:
            found.append((name, value))
    return found


def variables() -> set[str]:
    """Every environment variable of closedwon that its source or its tests name."""
    places = [SOURCE, ROOT / "tests", ROOT / "scripts", ROOT / "conftest.py", ROOT / "Makefile"]
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*")) if file.suffix in {".py", ".sh", ""}]
    texts = (file.read_text(encoding="utf-8") for file in files if file.is_file() and file != Path(__file__).resolve())
    return {name for text in texts for name in re.findall(r"\bCLOSEDWON_[A-Z]+(?:_[A-Z]+)*\b", text)}


def settings_page() -> str:
    """The keys of closedwon.toml and the environment variables. Raises KeyError for one that nobody described."""
    for name in sorted(variables()):
        if name not in ENVIRONMENT:
            raise KeyError(f"the environment variable {name} is not described in scripts/docs.py")
    lines = [(f"`{name}`", f"`{json.dumps(value)}`" if value not in ("", {}) else "", SETTINGS[name]) for name, value in setting_names()]
    parts = [
        f"# Settings\n\n{BY}\n",
        "A workspace is a folder: `closedwon.toml`, `policies/`, `facts/`, `closedwon.sqlite3` and `.secret-key`. `closedwon init` makes it. "
        "Unknown keys in `closedwon.toml` are refused. Passwords and keys of other systems come from the environment.\n",
        f"## closedwon.toml\n\n{rows('key|default|meaning', lines)}\n",
    ]
    for group, title in (("run", "Environment"), ("develop", "Environment for development")):
        chosen = [(f"`{name}`", about) for name, (where, about) in sorted(ENVIRONMENT.items()) if where == group]
        parts.append(f"## {title}\n\n{rows('variable|meaning', chosen)}\n")
    parts.append("Storage on S3 also takes what the AWS tools take: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`.\n")
    return "\n".join(parts)


FORMATS = {
    "percent": "percentage", "money": "money", "date": "date", "formula": "[formula](formulas.md)", "decision-table": "[decision table](../field/decision-tables.md)",
}  # fmt: skip


def _kind_of(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f"[{schema['$ref'].rsplit('/', 1)[-1]}](#{schema['$ref'].rsplit('/', 1)[-1].lower()})"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema or "oneOf" in schema:
        kinds = [_kind_of(item) for item in schema.get("anyOf", schema.get("oneOf", ())) if item.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if schema.get("format") == "document":
        return f"name of a document of `{schema['x-kind']}`"
    if schema.get("format") == "row":
        return f"`{schema['x-key']}` of a row of `{schema['x-rows'].rpartition('.')[2]}`"
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    if schema.get("type") == "array":
        return f"list of {_kind_of(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"table of {_kind_of(schema['additionalProperties'])}"
    return {"string": "text", "integer": "whole number", "boolean": "yes or no", "number": "number"}.get(schema.get("type", ""), "text")


def _fields(schema: dict[str, Any]) -> str:
    must = schema.get("required", [])
    lines = []
    for name, item in schema.get("properties", {}).items():
        value = item.get("default")
        shown = "required" if name in must else "" if value in (None, "", [], {}) else f"`{json.dumps(value)}`"
        lines.append((f"`{name}`", _kind_of(item), shown))
    return rows("key|value|default", lines)


def policy_pages() -> dict[Path, str]:
    """The page of policies, and a JSON Schema for each kind."""
    boot()
    from closedwon.policies.registry import kinds
    from closedwon.policies.schema import schema_of

    made: dict[Path, str] = {}
    parts = [
        f"# Policies\n\n{BY}\n",
        "A policy is a TOML file in the workspace's `policies/`. Unknown keys are refused. Only applied versions count: see "
        "[How to change a policy](../how-to/policies.md). Editors that know JSON Schema complete and check the text with the schemas below.\n",
    ]
    for kind in kinds():
        schema = schema_of(kind)
        file = REFERENCE / "schemas" / f"{kind.name}.schema.json"
        made[file] = json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        parts.append(f"## {kind.title}: {kind.file}\n\n{kind.about}. Schema: [{file.name}](schemas/{file.name}).\n\n{_fields(schema)}\n")
        for name, part in schema.get("$defs", {}).items():
            parts.append(f"### {name}\n\n{part.get('description', '')}\n\n{_fields(part)}\n")
    made[REFERENCE / "policies.md"] = "\n".join(parts)
    return made


def needs() -> dict[str, frozenset[str]]:
    """What the actions ask for: each verb in words, and the roles of which one is needed."""
    from closedwon.people.actor import ROLES as KNOWN

    found: dict[str, set[str]] = {}
    for file in sorted(SOURCE.glob("*/**/*.py")):
        if "tests" in file.parts or "migrations" in file.parts:
            continue
        module = ".".join(("closedwon", *file.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "need"):
                continue
            verb = next((item.value.value for item in node.keywords if item.arg == "to" and isinstance(item.value, ast.Constant)), None)
            if verb is None:
                continue
            arguments = ast.unparse(ast.Tuple(node.args, ast.Load()))
            roles = eval(arguments, vars(import_module(module)))  # noqa: S307 - our own source
            found.setdefault(str(verb), set()).update(name for name in roles if name in KNOWN)
    return {verb: frozenset(roles) for verb, roles in found.items()}


def roles_page() -> str:
    """Roles: what each sees, may do, and which pages it has."""
    boot()
    from django.apps import apps

    from closedwon.jobs.registry import kinds
    from closedwon.people.acting import GRANTS, OPERATOR
    from closedwon.people.actor import ROLES as KNOWN

    verbs = needs() | {f"start the job “{kind.title}”": kind.roles for kind in kinds() if kind.roles}
    pages = [item for config in apps.get_app_configs() for item in getattr(config, "nav", ())]
    listed = sorted({(item.section, item.order, item.label, tuple(sorted(item.roles))) for item in pages})
    order = {name: n for n, name in enumerate(KNOWN)}

    def words(roles: Any) -> str:
        return ", ".join(sorted(roles, key=lambda name: order.get(name, 99))) if roles else "everybody"

    parts = [
        f"# Roles\n\n{BY} How to grant them: [Let people in](../how-to/people.md).\n",
        rows("role|sees|for", [(f"`{name}`", *ROLES[name]) for name in KNOWN]) + "\n",
        f"A right that no role carries, and that is granted on its own: {', '.join(f'`{name}`' for name in GRANTS)}. "
        f"The command line acts with {words(OPERATOR)}; with `--as EMAIL` it acts with that person's rights.\n",
        "## What takes which role\n\nOne of the roles is enough.\n",
        rows("to|one of", [(verb, words(roles)) for verb, roles in sorted(verbs.items())]) + "\n",
        "## Pages\n",
        rows("page|who has it in the navigation", [(f"{section}, {label}", words(roles)) for section, _n, label, roles in listed]) + "\n",
    ]
    return "\n".join(parts)


SECTIONS = (
    ("Begin", "tutorial", ("first-hour",)),
    (
        "How to",
        "how-to",
        (
            "import",
            "policies",
            "snapshots",
            "time",
            "people",
            "api",
            "run",
            "operate",
            "spark-s3",
            "generate",
            "components",
            "policy-kinds",
        ),
    ),
    ("How numbers come about", "field", ("forecast", "import", "deal-states")),
    ("Reference", "reference", ("commands", "settings", "tables", "policies", "plans", "roles", "formulas")),
    ("Decisions", "decisions", ()),
)
"""The folders of documents, and the order of their pages; others follow by name."""


def index_page() -> str:
    """The list of all documents, by their titles."""
    parts = [f"# Documents\n\n{BY}\n"]
    for title, folder, order in SECTIONS:
        files = sorted(
            (ROOT / "docs" / folder).glob("*.md"), key=lambda file: (order.index(file.stem) if file.stem in order else 99, file.stem)
        )
        lines = [f"- [{_title(file)}]({folder}/{file.name})" for file in files]
        parts.append(f"## {title}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _title(file: Path) -> str:
    first = file.read_text(encoding="utf-8").lstrip().split("\n", 1)[0]
    return re.sub(r"^#\s*(\d+\.\s*)?", "", first)


def pages() -> dict[Path, str]:
    """Every generated page by its path in the repository."""
    boot()
    from closedwon.commissions import reference as plans
    from closedwon.formula import reference

    return {
        REFERENCE / "plans.md": plans.page(BY),
        REFERENCE / "tables.md": tables_page(),
        REFERENCE / "commands.md": commands_page(),
        REFERENCE / "settings.md": settings_page(),
        REFERENCE / "roles.md": roles_page(),
        REFERENCE / "formulas.md": reference.page() + "\n",  # as `closedwon formula functions` prints it
        **policy_pages(),
        Path("docs/index.md"): index_page(),
    }


def stale(made: dict[Path, str]) -> list[Path]:
    """The pages whose file is missing or says something else."""
    return [path for path, text in made.items() if not (ROOT / path).exists() or (ROOT / path).read_text(encoding="utf-8") != text]


def main(arguments: list[str]) -> int:
    """Write the pages that changed, or with --check say which would."""
    wrong = stale(made := pages())
    for path in wrong:
        if "--check" not in arguments:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(made[path], encoding="utf-8")
        sys.stdout.write(f"{path}: {'not up to date; run make docs' if '--check' in arguments else 'written'}\n")
    return 1 if wrong and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
