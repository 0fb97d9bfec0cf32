"""A language model as a directory for Hugging Face's transformers, with a model card that says what it is."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnlm.arrays import write_tensors
from rnnlm.artifacts import seal, write_bytes
from rnnlm.corpus.tokenizer import START_ID, UNKNOWN_ID
from rnnlm.directories import replacement
from rnnlm.model.cells.library import shipped
from rnnlm.model.finding import FoundModel, check_language
from rnnlm.model.likelihood import perplexity, text_nats
from rnnlm.model.loading import load_network
from rnnlm.model.parameters import parameter_count
from rnnlm.model.sealed import Sealed
from rnnlm.report.identity import again
from rnnlm.screen import Screen
from rnnlm.training.identity import SETTINGS
from rnnlm.training.journal import JOURNAL, REPLAY
from rnnlm.use.comparison.bootstrap import mean_interval, units_of
from rnnlm.use.export import transformers_files as files
from rnnlm.use.export.measuring import MeasuredText, measuring_text
from rnnlm.use.export.settings import ExportSettings
from rnnlm.use.export.transformers_tokenizer import skips_blank_lines, special_names, tokenizer_config, tokenizer_file
from rnnlm.version import __version__

HUB_FORMAT, HUB_VERSION = "rnnlm transformers", 1
_BYTES = 4.1  # a number of the network, and the other files
_RESAMPLES, _SEED = 2000, 1
_FILES = ("tokenizer", "vocabulary", "vectors", "from")  # settings that name a file or a model
_KINDS = {"word": "words", "whitespace": "words between spaces", "char": "characters", "byte": "bytes",
          "bpe": "byte-level subwords", "imported": "those of an imported tokenizer"}  # fmt: skip


def export_transformers(found: FoundModel, given: ExportSettings, out: Path, screen: Screen) -> dict[str, Any]:
    """A directory that `AutoModelForCausalLM.from_pretrained(out, trust_remote_code=True)` opens.

    Raises UsageError for a model that is no language model, has no network, or a tokenizer that cannot be written.
    """
    sealed = found.model
    check_language(sealed)
    weights = files.hub_weights(sealed)
    contents = {
        files.MODELING: files.modeling(sealed), files.HUB_CONFIG: files.hub_config(sealed, weights),
        files.GENERATION: files.generation(), files.HUB_TOKENIZER: tokenizer_file(sealed.rules),
        files.TOKENIZER_CONFIG: tokenizer_config(sealed.rules),
    }  # fmt: skip
    found, how = _of_its_data(found, screen), _how(sealed)
    with measuring_text(found, given, screen) as measure:
        metric = None if measure is None else _metric(sealed, measure)
    contents[files.CARD] = _card(found, given.license, metric, how)
    contents |= {name: (sealed.path / name).read_bytes() for name in how}
    if sealed.rules.units.sentences:
        screen.notice("the model was trained on sentences that `rnnlm clean` split; transformers reads a line as one")
    wanted = round(_BYTES * parameter_count(sealed.architecture))
    with replacement(out.resolve(), wanted, f"another rnnlm writes {out}") as fresh:
        for name, content in contents.items():
            write_bytes(fresh / name, content)
        write_tensors(fresh / files.HUB_WEIGHTS, weights, {"format": "pt"})
        names = [*contents, files.HUB_WEIGHTS]
        seal(
            fresh, HUB_FORMAT, HUB_VERSION, settings={}, inputs={"model": sealed.model_sha256}, report=metric or {},
            names=names,
        )  # fmt: skip
    return {
        "to": "transformers", "out": str(out), "bytes": {name: (out / name).stat().st_size for name in names},
        "metric": metric, "license": given.license, "model": sealed.name, "model_sha256": sealed.model_sha256,
    }  # fmt: skip


def _of_its_data(found: FoundModel, screen: Screen) -> FoundModel:
    """The model with its workspace, unless that has other data now than the model was trained on."""
    data = found.model.config.get("data", {})
    vocab = None if found.workspace is None else found.workspace.manifest("vocab")
    if found.workspace is None or "vocab" not in data or (vocab is not None and vocab.identity == data["vocab"]):
        return found
    screen.notice(
        f"{found.workspace.path} has other data now than {found.model.name} was trained on: the card omits it"
    )
    return FoundModel(found.model, None)


def _how(sealed: Sealed) -> list[str]:
    """The files by which the model is trained again; none where they name files that only its author has."""
    names = [name for name in (REPLAY, SETTINGS) if (sealed.path / name).exists()][:1]
    if not names:
        return []
    sections = tomllib.loads((sealed.path / names[0]).read_text("utf-8"))
    given = [value for section in sections.values() for name, value in section.items() if name in _FILES and value]
    if given or sealed.architecture.cell not in shipped():
        return []
    return [*names, JOURNAL] if names == [REPLAY] else names


def _metric(sealed: Sealed, measure: MeasuredText) -> dict[str, Any]:
    """Perplexity of a text with its interval, as the card says it."""
    ids, units = measure.text.ids, units_of(measure.text.ids)
    nats = units.sums(text_nats(load_network(sealed), ids, sealed.context, 64))
    found = mean_interval(nats, units.tokens, _RESAMPLES, _SEED)
    return {
        "text": measure.name if measure.split else files.plain(Path(measure.name).name),
        "context": sealed.context, "tokens": len(ids.ids),
        "perplexity": perplexity(float(nats.sum() / units.tokens.sum())), "units": units.name,
        "interval": None if found is None else [perplexity(each) for each in found],
        "unknown_fraction": measure.text.unknown_tokens / len(ids.ids),
    }  # fmt: skip


def _card(found: FoundModel, license: str | None, metric: dict[str, Any] | None, how: Sequence[str]) -> bytes:
    """The model card."""
    sealed, a, rules = found.model, found.model.architecture, found.model.rules
    unknown = sealed.report.get("train_unknown_fraction")
    shown = None
    if metric is not None:
        low, high = metric["interval"] or (0, 0)
        shown = {
            **metric, "perplexity": f"{metric['perplexity']:.2f}", "tokens": f"{metric['tokens']:,}",
            "unknown": f"{metric['unknown_fraction']:.2%}",
            "interval": metric["interval"] and f"{low:.2f} to {high:.2f}",
        }  # fmt: skip
    raw = None if found.workspace is None else found.workspace.manifest("raw")
    splits = {} if raw is None else raw.report.get("splits", {})
    lines = ", ".join(f"{each.get('lines', 0):,} lines for {split}" for split, each in splits.items())
    corpus = None if raw is None else {"lines": lines, "digest": raw.settings.get("corpus_sha256")}
    names = special_names(rules)
    return files.render(
        "README.md.j2", name=files.plain(sealed.name), license=license, cell=files.plain(a.cell), version=__version__,
        hidden=f"{a.hidden:,}", layers="1 layer" if a.layers == 1 else f"{a.layers} layers",
        parameters=f"{parameter_count(a):,}", vocabulary=f"{a.vocabulary:,}", kind=_KINDS[rules.kind], rule=rules.rule,
        start=names[START_ID], unknown=names[UNKNOWN_ID], context=sealed.context,
        blank_lines=rules.units.blank_lines, skipping=skips_blank_lines(rules), sentences=rules.units.sentences,
        metric=shown, corpus=corpus, closed=rules.kind not in ("byte", "bpe"), weights=sealed.weights,
        unknown_fraction="some" if unknown is None else f"{unknown:.2%}",
        again=again(sealed, beside=True) if how else "",
        model_sha256=sealed.model_sha256,
    )  # fmt: skip
