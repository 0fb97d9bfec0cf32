"""The settings of `rnnlm generate`, `chat` and `next`; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass

from rnnlm.config import above, at_least, between, setting
from rnnlm.errors import UsageError


@dataclass(frozen=True)
class DrawSettings:
    """How text is drawn from the model."""

    prompt: str = setting("", "text to go on from", record=False, basic=True)
    max_tokens: int = setting(100, "tokens at most", at_least(1), record=False, basic=True)
    temperature: float = setting(
        1.0, "below 1 is more careful; 0 takes the most likely token", at_least(0), record=False, basic=True
    )
    top_k: int | None = setting(None, "draw from the k most likely", at_least(1), auto="all", record=False, basic=True)
    top_p: float | None = setting(
        None, "draw from the most likely that hold this much probability", between(0, 1), auto="all", record=False,
        basic=True,
    )  # fmt: skip
    min_p: float | None = setting(
        None, "draw from those at least this much as likely as the most likely one", between(0, 1), auto="all",
        record=False, basic=True
    )  # fmt: skip
    typical: float | None = setting(
        None, "draw from those that say about as much as is expected and hold this much probability", between(0, 1),
        auto="all", record=False,
    )  # fmt: skip
    repetition_penalty: float = setting(
        1.0, "above 1 makes what was generated already less likely", above(0), record=False
    )
    lines: int | None = setting(
        None, "lines in a text; the last ends it", at_least(1), auto="1, or any with --until", record=False
    )
    until: str | None = setting(
        None, "a text ends as soon as it has this", lambda text: None if text else "must not be empty",
        auto="none", record=False,
    )  # fmt: skip
    unknown: bool = setting(False, "let <unk> be generated", record=False, switch=True)
    seed: int = setting(1, "seed of the draws", between(0, 2**63 - 1), record=False, basic=True)

    @property
    def last_line(self) -> int | None:
        """How many lines end a text; None where none does."""
        return self.lines or (1 if self.until is None else None)


@dataclass(frozen=True)
class GenerateSettings(DrawSettings):
    """How many texts there are, and after what; or how they are searched for."""

    prompt_file: str | None = setting(
        None, "a file of prompts, one a line; - for standard input", auto="none", record=False, file="read"
    )
    beam: int | None = setting(
        None, "search for the most likely text, keeping so many beginnings, in place of drawing", at_least(1),
        auto="draw", record=False, basic=True
    )  # fmt: skip
    length_penalty: float = setting(
        0.6, "of --beam: 0 takes the likeliest text, which is a short one; more lets longer ones win", at_least(0),
        record=False,
    )  # fmt: skip
    n: int = setting(1, "number of texts for each prompt", at_least(1), record=False, basic=True)
    novelty: bool = setting(False, "find the longest run copied from the training text", record=False, switch=True)
    batch_size: int = setting(64, "texts drawn side by side", at_least(1), record=False)

    def check(self) -> None:
        """What --prompt-file and --beam leave no room for."""
        if self.prompt and self.prompt_file is not None:
            raise UsageError("--prompt with --prompt-file", "give one of them")
        if self.beam is None:
            return
        for name in ("temperature", "top_k", "top_p", "min_p", "typical", "repetition_penalty"):
            if getattr(self, name) != getattr(type(self), name):
                raise UsageError(f"--{name.replace('_', '-')} with --beam", "a search draws nothing")
        if self.n > self.beam:
            raise UsageError(f"-n {self.n} with --beam {self.beam}", "the n best are among those kept; raise --beam")


@dataclass(frozen=True)
class NextSettings:
    """What may come next."""

    prompt: str = setting(
        "", "the text so far; without a space at its end, its last word may be half-typed", record=False
    )
    k: int = setting(10, "how many", at_least(1), record=False)
