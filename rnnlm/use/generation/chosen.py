"""Texts that are unlike one another, or that copy little: drawn until there are enough of them."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from rnnlm.use.generation.generate import Generated
from rnnlm.use.generation.novelty import Copied
from rnnlm.use.generation.settings import GenerateSettings

DRAWS = 20  # at most, for each text that is wanted

Drawn = Iterator[tuple[Generated, Copied | None]]


def chosen(
    draw: Callable[[GenerateSettings], Drawn], settings: GenerateSettings, notice: Callable[[str], None]
) -> Drawn:
    """The first `n` texts for a prompt that are not dropped, from `DRAWS` times as many, and a notice of the others.

    With `unique` a text is dropped that came before, with `max_copied` one with a longer run from training.
    """
    seen: set[str] = set()
    drawn = kept = repeated = copied_much = 0
    for text, copied in draw(replace(settings, n=DRAWS * settings.n, batch_size=min(settings.batch_size, settings.n))):
        drawn += 1
        if settings.unique and text.text in seen:
            repeated += 1
        elif settings.max_copied is not None and copied is not None and copied.length > settings.max_copied:
            copied_much += 1
        else:
            seen.add(text.text)
            kept += 1
            yield text, copied
        if kept == settings.n:
            break
    dropped = [f"{repeated:,} repeated"] if settings.unique else []
    if settings.max_copied is not None:
        dropped.append(f"{copied_much:,} with more than {settings.max_copied:,} tokens from training in a row")
    notice(f"generate: {kept:,} of {settings.n:,} texts in {drawn:,} draws, {' and '.join(dropped)}")
