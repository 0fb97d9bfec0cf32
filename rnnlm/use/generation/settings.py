"""The settings of `rnnlm generate`, `chat` and `next`; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass

from rnnlm.config import above, at_least, between, setting
from rnnlm.errors import UsageError


@dataclass(frozen=True)
class DrawSettings:
    """How text is sampled from the model."""

    prompt: str = setting("", "text to continue", record=False, basic=True)
    max_tokens: int = setting(100, "maximum number of tokens", at_least(1), record=False, basic=True)
    temperature: float = setting(
        1.0, "sampling temperature; 0 takes the most likely token", at_least(0), record=False, basic=True
    )
    top_k: int | None = setting(None, "limit to the k most likely", at_least(1), auto="all", record=False, basic=True)
    top_p: float | None = setting(
        None, "sample from the most likely tokens with this cumulative probability (nucleus)", between(0, 1),
        auto="all", record=False, basic=True
    )  # fmt: skip
    min_p: float | None = setting(
        None, "sample from tokens at least this many times as likely as the most likely one", between(0, 1), auto="all",
        record=False, basic=True
    )  # fmt: skip
    typical: float | None = setting(
        None, "locally typical sampling: tokens nearest to the entropy with this cumulative probability", between(0, 1),
        auto="all", record=False,
    )  # fmt: skip
    repetition_penalty: float = setting(
        1.0, "above 1 makes already generated tokens less likely", above(0), record=False
    )
    lines: int | None = setting(
        None, "number of lines in a text", at_least(1), auto="1, or any with --until", record=False
    )
    until: str | None = setting(
        None, "end a text when it contains this", lambda text: None if text else "must not be empty",
        auto="none", record=False,
    )  # fmt: skip
    unknown: bool = setting(False, "allow <unk> in generated text", record=False, switch=True)
    seed: int = setting(1, "seed of the sampling", between(0, 2**63 - 1), record=False, basic=True)

    @property
    def plain(self) -> bool:
        """Whether tokens are drawn from the model's own distribution, but for `<unk>`."""
        shapes = (self.top_k, self.top_p, self.min_p, self.typical)
        return self.temperature == self.repetition_penalty == 1 and shapes == (None,) * 4

    @property
    def last_line(self) -> int | None:
        """The number of lines that ends a text; None for no limit."""
        return self.lines or (1 if self.until is None else None)


@dataclass(frozen=True)
class GenerateSettings(DrawSettings):
    """The number of texts, their prompts, and beam search."""

    prompt_file: str | None = setting(
        None, "file of prompts, one per line; - for standard input", auto="none", record=False, file="read"
    )
    beam: int | None = setting(
        None, "beam search for the most likely text with this many hypotheses, instead of sampling", at_least(1),
        auto="sample", record=False, basic=True
    )  # fmt: skip
    length_penalty: float = setting(
        0.6, "with --beam: exponent of the length normalization; 0 for none, which favors short texts", at_least(0),
        record=False,
    )  # fmt: skip
    n: int = setting(1, "number of texts for each prompt", at_least(1), record=False, basic=True)
    novelty: bool = setting(False, "find the longest run copied from the training text", record=False, switch=True)
    unique: bool = setting(False, "draw until all texts differ, at most 20 times -n", record=False, switch=True)
    max_copied: int | None = setting(
        None, "drop a text with a longer run of tokens from the training text", at_least(1), auto="any", record=False
    )
    midi: str | None = setting(None, "write melodies to this MIDI file too", auto="none", record=False, file="written")
    batch_size: int = setting(64, "texts generated in a batch", at_least(1), record=False)

    @property
    def picky(self) -> bool:
        """Whether some texts are dropped."""
        return self.unique or self.max_copied is not None

    def check(self) -> None:
        """Flags that exclude --prompt-file or --beam."""
        if self.prompt and self.prompt_file is not None:
            raise UsageError("--prompt with --prompt-file", "give one of them")
        if self.beam is None:
            return
        if self.picky:
            raise UsageError("--unique or --max-copied with --beam", "beam search does not sample; omit it")
        for name in ("temperature", "top_k", "top_p", "min_p", "typical", "repetition_penalty"):
            if getattr(self, name) != getattr(type(self), name):
                raise UsageError(f"--{name.replace('_', '-')} with --beam", "beam search does not sample; omit it")
        if self.n > self.beam:
            raise UsageError(f"-n {self.n} with --beam {self.beam}", "use a --beam of at least -n")


@dataclass(frozen=True)
class NextSettings:
    """The prompt and number of next words."""

    prompt: str = setting(
        "", "the text so far; without a space at its end, its last word may be half-typed", record=False
    )
    k: int = setting(10, "number of next words", at_least(1), record=False)
