"""What generation reads beside a model: prompts from a file, and the training text to compare with."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from rnnlm.arrays import open_npy
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.sources import read_lines, split_blocks
from rnnlm.corpus.text import TextRules, encode_text
from rnnlm.errors import InputError
from rnnlm.model.finding import FoundModel
from rnnlm.model.likelihood import LanguageModel
from rnnlm.use.generation.chosen import chosen
from rnnlm.use.generation.generate import Emit, Generated, generate, generate_from
from rnnlm.use.generation.novelty import Copied, longest_copies
from rnnlm.use.generation.settings import GenerateSettings


def prompts(name: str, reading: Decoding) -> Iterator[str]:
    """The lines of a file; an empty line is an empty prompt. InputError for a file without lines."""
    if name != "-" and not Path(name).is_file():
        raise InputError(f"--prompt-file {name} is not a file", "name a text file with one prompt per line")
    none = True
    for line in read_lines(name, reading):
        none = False
        yield line
    if none:
        raise InputError(f"--prompt-file {name} holds no prompt", "write one per line; a line may be empty")


def training_ids(found: FoundModel, directory: Path, notice: Callable[[str], None]) -> NDArray[Any] | None:
    """The training text as the model's ids; None, with a notice, for a model without a workspace.

    Where the workspace has been rebuilt since, its training split is encoded by the model's rules.
    """
    workspace = found.workspace
    if workspace is None or workspace.manifest("raw") is None:
        notice("novelty: no training text beside this model; name its workspace")
        return None
    made_from = found.model.config.get("data", {}).get("vocab")
    manifest = workspace.manifest("vocab")
    if manifest is not None and manifest.identity == made_from:
        with workspace.opening("vocab") as vocab:
            return open_npy(vocab / "train.ids.npy", kinds="u", dimensions=1, remedy=workspace.rebuild("vocab"))
    notice("novelty: the workspace has changed since the model was trained; compared with its current text")
    return encode_text(split_blocks(workspace, "train"), found.model.rules, directory).ids.ids


def texts_of(
    model: LanguageModel, rules: TextRules, settings: GenerateSettings, asked: Iterable[str],
    train: NDArray[Any] | None, *, emit: Emit | None, notice: Callable[[str], None],
) -> Iterator[tuple[Generated, Copied | None]]:  # fmt: skip
    """The texts after each prompt that is `asked`, with their longest run copied from `train`, as the settings want.

    A single text is also given to `emit`, piece by piece.
    """

    def drawn(settings: GenerateSettings) -> Iterator[tuple[Generated, Copied | None]]:
        return with_copies(generate(model, rules, settings, emit), train, settings.batch_size)

    if settings.picky:
        for prompt in asked:
            yield from chosen(drawn, replace(settings, prompt=prompt, prompt_file=None), notice)
    elif settings.prompt_file is None:
        yield from drawn(settings)
    else:
        yield from with_copies(generate_from(model, rules, settings, asked), train, settings.batch_size)


def with_copies(
    texts: Iterable[Generated], train: NDArray[Any] | None, batch_size: int
) -> Iterator[tuple[Generated, Copied | None]]:
    """Each text with its longest run copied from `train` (tokens,); None without a training text."""
    source = iter(texts)
    while batch := list(islice(source, 1 if train is None else batch_size)):
        copies = [None] if train is None else longest_copies([text.ids for text in batch], train)
        yield from zip(batch, copies, strict=True)
