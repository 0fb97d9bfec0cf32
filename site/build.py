"""The site in a folder: the pages of docs/, a reference from settings and docstrings, pictures of a terminal, a report.

    python site/build.py OUT REPORT

writes OUT/index.html, which can be read and searched from file://. REPORT is the demo's report. The documents stay the
source: their pages are copied, and only links to files outside docs/ are changed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from reference import commands_page, python_page, settings_page
from terminal import picture

SITE = Path(__file__).resolve().parent
ROOT = SITE.parent
# Pages from elsewhere, by their name on the site.
ELSEWHERE = {"measurements": "benchmarks/README.md", "notebook": "benchmarks/notebook.md", "changes": "CHANGELOG.md"}
PICTURES = {
    "evaluate": "rnnlm evaluate work && rnnlm next work --prompt 'the little ' -k 4",
    "help": "rnnlm --help",
    "train-help": "rnnlm train --help",
    "score": "echo 'Anna lost the red ball.' | rnnlm score work - --level word",
    "generate": "rnnlm generate work --prompt 'Emma had a' -n 3 --seed 3",
    "look": "rnnlm look stories.txt",
}
_LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")

_NAMED = re.compile(r"\[[\w-]+\.md\]\((?=[\w-]+\.md)")


def moved(text: str, folder: Path) -> str:
    """A page's links as they are on the site; `folder` is the page's own."""
    names = {(ROOT / path).resolve(): f"{name}.md" for name, path in ELSEWHERE.items()}

    def link(match: re.Match[str]) -> str:
        target = (folder / match[2]).resolve()
        if "://" in match[2] or not target.is_relative_to(ROOT):
            return match[0]
        if target == ROOT / "docs" / "README.md":
            return f"{match[1]}index.md{match[3]}"
        return f"{match[1]}{names.get(target, target.name)}{match[3]}"

    text = _NAMED.sub("[](", _LINK.sub(link, text))  # Sphinx writes the title of a page in place of its file's name
    return re.sub(r"^```(?:output|cell).*$", "```text", text, flags=re.M)


def prepare(source: Path, report: Path) -> None:
    """Everything that Sphinx reads."""
    (source / "_static").mkdir(parents=True)
    for name in ("conf.py", "index.md"):
        shutil.copy(SITE / name, source)
    shutil.copy(SITE / "site.css", source / "_static")
    for page in sorted((ROOT / "docs").iterdir()):
        if page.suffix == ".md" and page.name != "README.md":
            (source / page.name).write_text(moved(page.read_text("utf-8"), page.parent), "utf-8")
        elif page.suffix in (".svg", ".png"):
            shutil.copy(page, source)
    for name, path in ELSEWHERE.items():
        page = ROOT / path
        (source / f"{name}.md").write_text(moved(page.read_text("utf-8"), page.parent), "utf-8")
    (source / "reference-commands.md").write_text(commands_page(), "utf-8")
    (source / "reference-settings.md").write_text(settings_page(), "utf-8")
    (source / "reference-python.md").write_text(python_page(), "utf-8")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "data" / "stories.txt", folder)
        train = "rnnlm train stories.txt --out work --hidden 96 --steps 300 --quiet"
        subprocess.run(train, shell=True, cwd=folder, check=True, env=environment(), stdout=subprocess.DEVNULL)
        for name, command in PICTURES.items():
            (source / f"terminal-{name}.svg").write_text(picture(command, Path(folder), environment()), "utf-8")
    (source / "extra").mkdir()
    shutil.copy(report, source / "extra" / "demo-report.html")


def accessible(page: str) -> str:
    """A page whose headings have a level, and whose wide blocks can be scrolled by keys; the theme leaves both out."""
    page = page.replace('role="heading"', 'role="heading" aria-level="2"')
    return re.sub(r"<(pre|div class=\"table-wrapper[^>]*)>", r'<\1 tabindex="0">', page)


def environment() -> dict[str, str]:
    """That of this process, with the commands of its Python first."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def main() -> None:
    """Build the site; a warning of Sphinx is an error."""
    out, report = Path(sys.argv[1]), Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "source", Path(folder) / "site"
        prepare(source, report)
        subprocess.run(
            [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "--builder", "html",
             "--define", "html_extra_path=extra", str(source), str(made)], check=True,
        )  # fmt: skip
        for page in made.glob("*.html"):
            page.write_text(accessible(page.read_text("utf-8")), "utf-8")
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(made, out)
    print(f"{out / 'index.html'}")


if __name__ == "__main__":
    main()
