"""`rnnlm corpus`: what is built in."""

from pathlib import Path
from typing import Annotated

import typer

from rnnlm.cli.options import Invocation, command

NAME = Annotated[str | None, typer.Argument(help="which corpus; all are listed without it", show_default=False)]
OUT = Annotated[
    Path | None,
    typer.Option("--out", help="write it into this directory, instead of standard output", show_default=False),
]
TAGGED = Annotated[bool, typer.Option("--tagged", help="a word and its part of speech a line")]


@command(arguments={"name": (NAME, None), "out": (OUT, None), "tagged": (TAGGED, False)})
def corpus(invocation: Invocation) -> None:
    """List the built-in corpora, or write one."""
    import hashlib
    import sys

    from rnnlm.artifacts import storage_error, write_bytes
    from rnnlm.builtin.stories import STORIES_SHA256, STORY_COUNT, corpus_lines, tagged_lines
    from rnnlm.cli.stages import terminal
    from rnnlm.cli.terminal import table
    from rnnlm.errors import UsageError

    screen = terminal(invocation)
    name, out, tagged = (invocation.arguments[key] for key in ("name", "out", "tagged"))
    if name is None:
        view = table("corpus", "what", "use it as")
        view.add_row("stories", f"{STORY_COUNT:,} short stories of a grammar whose entropy is known", "builtin:stories")
        screen.result({"corpora": [{"name": "stories", "stories": STORY_COUNT, "sha256": STORIES_SHA256}]}, view)
        return
    if name != "stories":
        raise UsageError(f"there is no built-in corpus {name!r}", "rnnlm corpus lists what is built in")
    if tagged:
        text = "".join("".join(f"{word}\t{tag}\n" for word, tag in story) + "\n" for story in tagged_lines())
    else:
        text = "".join(f"{line}\n" for line in corpus_lines())
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, out) from None
    path = out / ("stories.tagged.txt" if tagged else "stories.txt")
    if path.exists() and not invocation.run.force and path.read_bytes() != text.encode():
        raise UsageError(f"{path} exists and differs", "write elsewhere, or use --force")
    content = text.encode()
    write_bytes(path, content)
    digest = hashlib.sha256(content).hexdigest()
    if not tagged:
        write_bytes(out / "stories.sha256", f"{digest}  stories.txt\n".encode())
    screen.result({"path": str(path), "bytes": len(content), "sha256": digest}, f"{path}: {len(content):,} bytes")
