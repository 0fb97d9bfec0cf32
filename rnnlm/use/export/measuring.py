"""The text that an exported model and its original are measured on."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.corpus.text import EncodedText, encode_text
from rnnlm.model.finding import FoundModel
from rnnlm.model.likelihood import LanguageModel
from rnnlm.screen import Screen
from rnnlm.use.evaluation.evaluate import evaluate
from rnnlm.use.export.settings import ExportSettings
from rnnlm.use.settings import SplitName
from rnnlm.use.texts import choose_text
from rnnlm.workspace import Workspace

_SIDE_BY_SIDE = 64


@dataclass(frozen=True)
class MeasuredText:
    """A text as a model's ids; `split` where it is one."""

    text: EncodedText
    name: str
    split: str | None

    def perplexity(self, model: LanguageModel, context: str) -> float:
        """Of the text under a model that reads the same ids."""
        return float(evaluate(model, self.text, context, _SIDE_BY_SIDE).report()["perplexity"])

    def described(self) -> dict[str, Any]:
        """Which text was measured."""
        return {"split": self.split, "tokens": len(self.text.ids.ids), "raw_sha256": self.text.raw_sha256}


@contextmanager
def measuring_text(found: FoundModel, given: ExportSettings, screen: Screen) -> Iterator[MeasuredText | None]:
    """The text that the settings name, or the workspace's valid split, or test; None, with a notice, without a text."""
    split = given.split
    if given.text is None and split is None:
        split = None if found.workspace is None else _split(found.workspace)
        if split is None:
            screen.notice("no text to measure it on: name one with --text FILE")
            yield None
            return
    chosen = choose_text(found, split, given.text)
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        yield MeasuredText(encode_text(chosen.blocks, found.model.rules, Path(directory)), chosen.name, chosen.split)


def _split(workspace: Workspace) -> SplitName | None:
    """The first of valid and test that is not empty."""
    splits: tuple[SplitName, ...] = ("valid", "test")
    files = {split: workspace.directory("raw") / f"{split}.txt" for split in splits}
    return next((split for split, file in files.items() if file.is_file() and file.stat().st_size), None)
