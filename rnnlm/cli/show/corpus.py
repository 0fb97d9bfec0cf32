"""`rnnlm corpus`: built-in corpora and tasks, listed or written."""

import sys

from rnnlm.app.request import Request
from rnnlm.builtin.catalogue import CATALOGUE, TAGGED_STORIES
from rnnlm.builtin.settings import CorpusSettings
from rnnlm.cli.options import flag_name
from rnnlm.cli.terminal import terminal
from rnnlm.errors import UsageError


def corpus(request: Request) -> None:
    """List the built-in corpora and tasks, or write one."""
    screen = terminal(request)
    name, out, tagged = (request.arguments[key] for key in ("name", "out", "tagged"))
    if name is not None and name not in CATALOGUE:
        raise UsageError(f"there is no built-in corpus {name!r}", "rnnlm corpus lists all")
    reads = () if name is None else CATALOGUE[name].reads
    unread = [each for each in ("lag", "count", "seed") if each not in reads]
    given = [flag_name(each) for each in unread if request.flags[each] is not None]
    given += ["--tagged"] if tagged and name != "stories" else []
    if given:
        owners = "stories" if given == ["--tagged"] else "recall, copy and adding"
        owners += " and to pairs" if given[0] in ("--count", "--seed") else ""
        raise UsageError(f"{given[0]} with {name or 'no corpus'}", f"it applies to {owners}")
    if name is None:
        rows = [
            {"name": key, "what": row.what, "use": row.use, key: row.count, "sha256": row.sha256}
            for key, row in CATALOGUE.items()
        ]
        values = [{key: value for key, value in row.items() if value is not None} for row in rows]
        views = [f"{key:<10}{row.what}\n{'':<10}{row.use}" for key, row in CATALOGUE.items()]
        screen.result({"corpora": values}, *views, "\nrnnlm corpus NAME --out DIR writes one of them.")
        return
    chosen = TAGGED_STORIES if tagged else CATALOGUE[name]
    settings = request.settings(CorpusSettings).settings
    if out is None:
        sys.stdout.writelines(f"{line}\n" for line in chosen.lines(settings))
        return
    path, digest = chosen.write(settings, out, replace=request.run.force)
    size, use = path.stat().st_size, chosen.use.replace(path.name, str(path))
    screen.result({"path": str(path), "bytes": size, "sha256": digest, "use": use}, f"{path}: {size:,} bytes", use)
