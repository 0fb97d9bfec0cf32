"""Whether a run with --check reaches what its recipe reached here: the same settings, the same corpus, the metric."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlm.builtin.recipes import Measured, read_recipe, recipe_names
from rnnlm.config import as_dict
from rnnlm.corpus.text import encode_text
from rnnlm.errors import InputError, UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.model.loading import load_network
from rnnlm.model.sealed import read_sealed
from rnnlm.training.settings import TrainSettings
from rnnlm.use.evaluation.evaluate import evaluate
from rnnlm.use.texts import choose_text
from rnnlm.workspace import Workspace

_SIDE_BY_SIDE = 64


def recipe_of(sections: Mapping[str, Any]) -> Measured | None:
    """What a run with these settings, by section, is compared with; None without --check.

    Raises UsageError without a recipe, for one that was not run here, and for settings that are not the recipe's.
    """
    given: TrainSettings = sections["train"]
    if not given.check_:
        return None
    if given.recipe is None:
        raise UsageError("--check without --recipe", "name the recipe that is to be checked")
    recipe = read_recipe(given.recipe)
    if recipe.measured is None:
        known = ", ".join(each for each in recipe_names() if read_recipe(each).measured)
        raise UsageError(f"--check: {given.recipe} has only a published metric", f"these were measured here: {known}")
    if given.from_ is not None or given.plan:
        raise UsageError(f"--check with --{'from' if given.from_ else 'plan'}", "omit one of them")
    for section, settings in sections.items():
        needed = recipe.measured.settings.get(section, {})
        wanted = {**as_dict(type(settings)()), **recipe.settings.get(section, {}), **needed}
        for name, value in as_dict(settings).items():
            if value != wanted[name] and name != "seed":
                raise UsageError(f"--check: {name} is {value}, and {wanted[name]} in the recipe {given.recipe}",
                                 "set it as there, or use a new workspace")  # fmt: skip
    return recipe.measured


def check_corpus(known: Measured | None, workspace: Workspace) -> None:
    """Raise InputError for a corpus other than the one that was measured, before time is spent on it."""
    if known is None:
        return
    raw, vocab = workspace.manifest("raw"), workspace.manifest("vocab")
    digest = "" if raw is None else str(raw.settings.get("corpus_sha256"))
    tokens = 0 if vocab is None else vocab.report["splits"]["valid"]["tokens"]
    if (digest, tokens) != (known.corpus_sha256, known.valid_tokens):
        raise InputError(
            f"--check: the corpus has digest {digest[:12]}… and {tokens:,} tokens to validate on, the recipe was "
            f"measured on {known.corpus}: {known.corpus_sha256[:12]}… and {known.valid_tokens:,}",
            "give that corpus, in that form, or omit --check",
        )


def checked(known: Measured | None, workspace: Workspace, model: Path, report: dict[str, Any]) -> list[str]:
    """Measure a run with --check on the whole valid split: `check` in its report, and the same as a sentence."""
    if known is None:
        return []
    sealed = read_sealed(model)
    chosen = choose_text(FoundModel(sealed, workspace), "valid", None)
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        text = encode_text(chosen.blocks, sealed.rules, Path(directory))
        found = float(evaluate(load_network(sealed), text, sealed.context, _SIDE_BY_SIDE).report()["perplexity"])
    low, high = known.interval
    where = "within" if low <= found <= high else "better than" if found < low else "worse than"
    report["check"] = {
        "perplexity": found, "interval": [low, high], "within": where == "within", "machine": known.machine
    }  # fmt: skip
    return [
        f"perplexity {found:.2f} on the whole valid split is {where} {low:.2f} to {high:.2f}, where 95 % of runs lie "
        f"on {known.machine}"
    ]
