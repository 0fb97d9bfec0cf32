"""A model's tokenizer as transformers reads it: the ids of our own, for texts of several lines.

A line end is a token, the end of a line. The other special tokens have names that no token has, since transformers
looks for them in raw text, where ours knows no special strings.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer

from rnnlm.artifacts import json_bytes
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID, PAD_ID, START_ID, UNKNOWN_ID
from rnnlm.errors import UsageError

LENGTH = 2**20  # tokens that other programs may read in one piece: a text is never cut, and memory sets the limit
_MARK = "\ufdd0"


def special_names(rules: TextRules) -> list[str]:
    """The names of the ids 0 to 3; UsageError where a token is a line end."""
    if rules.tokenizer.token_to_id("\n") is not None:
        raise UsageError("a token of the model is a line end", "its tokenizer cannot be written for transformers")
    names = ["<|pad|>", "<|start|>", "\n", "<|unk|>"]
    while any(rules.tokenizer.token_to_id(name) is not None for name in names):
        names = [name if name == "\n" else f"<|{name}|>" for name in names]
    return names


def skips_blank_lines(rules: TextRules) -> bool:
    """Whether lines that are empty after cleaning are skipped there as here; an imported normalizer reads one line."""
    return not rules.units.blank_lines and not rules.rule.then


def tokenizer_config(rules: TextRules) -> bytes:
    """`tokenizer_config.json`."""
    names = special_names(rules)
    return json_bytes({
        "tokenizer_class": "PreTrainedTokenizerFast", "pad_token": names[PAD_ID], "bos_token": names[START_ID],
        "eos_token": names[END_ID], "unk_token": names[UNKNOWN_ID], "clean_up_tokenization_spaces": False,
        "model_max_length": LENGTH, "model_input_names": ["input_ids", "attention_mask"], "padding_side": "right",
    })  # fmt: skip


def tokenizer_file(rules: TextRules) -> bytes:
    """`tokenizer.json`: the model's own, with the start of a text before it and its line ends as tokens."""
    names, content = special_names(rules), json.loads(rules.tokenizer.to_str())
    skipping = skips_blank_lines(rules)
    if skipping and content["normalizer"] is not None:
        content["normalizer"] = _over_lines(content["normalizer"])
    if not skipping:
        content["pre_tokenizer"] = _in_every_line(content["pre_tokenizer"])
    _rename(content["model"], names)
    content["added_tokens"] = [
        {
            "id": number, "content": name, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": number == END_ID and skipping, "special": True,
        }
        for number, name in enumerate(names)
    ]  # fmt: skip
    start = {"SpecialToken": {"id": names[START_ID], "type_id": 0}}
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    content["post_processor"] = {
        "type": "TemplateProcessing", "single": [start, first], "pair": [start, first, second],
        "special_tokens": {
            names[START_ID]: {"id": names[START_ID], "ids": [START_ID], "tokens": [names[START_ID]]},
        },
    }  # fmt: skip
    Tokenizer.from_str(json.dumps(content))  # what the library does not take is an error here
    return json_bytes(content)


def _rename(model: dict[str, Any], names: list[str]) -> None:
    """Give the ids 0 to 3 their names in a model of any type."""
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        new = {token: names[number] for token, number in vocabulary.items() if number < len(names)}
        model["vocab"] = {new.get(token, token): number for token, number in vocabulary.items()}
        if model.get("unk_token") is not None:
            model["unk_token"] = new.get(model["unk_token"], model["unk_token"])
    else:  # Unigram
        model["vocab"] = [[name, score] for name, (_, score) in zip(names, vocabulary, strict=False)]
        model["vocab"] += vocabulary[len(names) :]


def _over_lines(normalizer: Mapping[str, Any]) -> dict[str, Any]:
    """The cleaning of a line as that of a text: its lines are cleaned one by one, and empty ones vanish.

    A mark stands for a line end while spaces are folded; it is no character, and so in no text.
    """

    def replaced(pattern: str, by: str) -> dict[str, Any]:
        return {"type": "Replace", "pattern": {"Regex": pattern}, "content": by}

    steps = [replaced(r"\n", f" {_MARK} ")]
    for step in normalizer["normalizers"]:
        if step["type"] == "Replace":
            pattern = re.sub(r"^\\A", rf"(?:\\A|(?<={_MARK}))", step["pattern"]["Regex"])
            step = replaced(re.sub(r"\\z$", rf"(?:\\z|(?={_MARK}))", pattern), step["content"])
        steps.append(step)
    steps += [replaced(f" *(?:{_MARK} *)+", "\n"), replaced(r"\A\n(?=[\s\S])", "")]
    return {"type": "Sequence", "normalizers": steps}


def _in_every_line(part: Any) -> Any:
    """A pre-tokenizer that writes ▁ before a text, as one that writes it before each of its lines."""
    if isinstance(part, dict):
        changed = {name: _in_every_line(value) for name, value in part.items()}
        return changed | ({"prepend_scheme": "always"} if part.get("prepend_scheme") == "first" else {})
    return [_in_every_line(each) for each in part] if isinstance(part, list) else part
