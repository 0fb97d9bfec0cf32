"""How this request reads texts: its settings, with the screen that hears of what was replaced."""

from typing import Any

from rnnlm.app.request import Request
from rnnlm.app.screen import Screen
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.settings import ReadingSettings


def decoding(request: Request, screen: Screen, recorded: dict[str, Any] | None = None) -> Decoding:
    """What `--errors` and `--expansion` say, or else what a workspace recorded of them."""
    given = request.settings(ReadingSettings, recorded).settings
    return Decoding(given.errors, given.expansion, screen.notice)
