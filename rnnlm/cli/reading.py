"""How this invocation reads texts: its settings, with the screen that hears of what was replaced."""

from typing import Any

from rnnlm.cli.options import Invocation
from rnnlm.cli.terminal import Terminal
from rnnlm.corpus.decoding import Decoding


def decoding(invocation: Invocation, screen: Terminal, recorded: dict[str, Any] | None = None) -> Decoding:
    """What `--errors` and `--expansion` say, or else what a workspace recorded of them."""
    given = invocation.settings("reading", recorded).settings
    return Decoding(given.errors, given.expansion, screen.notice)
