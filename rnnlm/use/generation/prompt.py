"""A prompt as ids, by the rules of the training text."""

from collections.abc import Sequence

from rnnlm.corpus.normalizer import UNKNOWN
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID, START_ID, UNKNOWN_ID
from rnnlm.errors import UsageError


def prompt_ids(rules: TextRules, prompt: str) -> list[int]:
    """`<s>`, then the tokens of the prompt; a line end inside it is `</s>`."""
    ids = [START_ID]
    for number, line in enumerate(prompt.split("\n")):
        if number:
            ids.append(END_ID)
        ids += line_ids(rules, line)
    return ids


_NAMED = 5  # unknown words that a notice names


def told_unknown(words: list[str]) -> str:
    """A notice about unknown words."""
    named = ", ".join(dict.fromkeys(words[:_NAMED])) + (", …" if len(words) > _NAMED else "")
    return f"not in the vocabulary, read as <unk>: {named}"


def unknown_words(rules: TextRules, prompt: str) -> list[str]:
    """The pieces of a prompt outside the vocabulary, which are read as `<unk>`, as written.

    A `<unk>` in the prompt itself does not count. Raises UsageError for text that is not valid Unicode.
    """
    check_unicode(prompt)
    found = []
    for line in prompt.split("\n"):
        encoding = rules.tokenizer.encode(line, add_special_tokens=False)
        for number, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if number == UNKNOWN_ID and line[start:end] != UNKNOWN:
                found.append(line[start:end])
    return found


def check_unicode(text: str) -> None:
    """Raise UsageError for lone surrogates, which replace invalid UTF-8 on a command line."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("the text is not valid Unicode", "give it as UTF-8") from None


def line_ids(rules: TextRules, line: str) -> list[int]:
    """The tokens of one line. Raises UsageError for text that is not valid Unicode."""
    check_unicode(line)
    return list(rules.tokenizer.encode(line, add_special_tokens=False).ids)


def text_of(rules: TextRules, ids: Sequence[int]) -> str:
    """Tokens as text again; `</s>` is a line end."""
    lines: list[list[int]] = [[]]
    for number in ids:
        if number == END_ID:
            lines.append([])
        elif number != START_ID:
            lines[-1].append(number)
    return "\n".join(str(rules.tokenizer.decode(line, skip_special_tokens=False)) if line else "" for line in lines)
