"""A trained model as a sealed directory: configuration, weights and tokenizer, self-contained.

`config.json` says how raw text becomes ids (or a table becomes windows), how the network is built and what its outputs
are; `model_sha256` covers it, the weights and the tokenizer. A model of series has no tokenizer.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from rnnlm.artifacts import MANIFEST, Manifest, changed_outputs, read_json, read_manifest, seal, sha256_bytes
from rnnlm.config import canonical
from rnnlm.corpus.clean import UnitRule
from rnnlm.corpus.normalizer import CleanRule, normalizer_json
from rnnlm.corpus.settings import TokenKind
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import FIRST_OUTPUT, load_tokenizer
from rnnlm.directories import place_of, standing, unreplaced
from rnnlm.errors import ArtifactError, InputError, UsageError
from rnnlm.model.architecture import Architecture
from rnnlm.model.ngram.grams import MOST_ORDER, grams_names
from rnnlm.tables.rules import SeriesRules

FORMAT, VERSION = "rnnlm model", 1
CONFIG, WEIGHTS, TOKENIZER = "config.json", "weights.safetensors", "tokenizer.json"
REMEDY = "the model is damaged; copy it again, or train it again with --force"


@dataclass(frozen=True)
class NgramShape:
    """An n-gram model of `order` N over the ids below `vocabulary`; with `lines_apart` lines are independent."""

    order: int
    vocabulary: int
    lines_apart: bool

    def fits(self) -> bool:
        """Whether a model can have these numbers."""
        numbers = type(self.order) is type(self.vocabulary) is int and type(self.lines_apart) is bool
        return numbers and 1 <= self.order <= MOST_ORDER and self.vocabulary > FIRST_OUTPUT


@dataclass(frozen=True)
class Sealed:
    """A sealed model, read and checked. `config` is what `config.json` holds."""

    path: Path
    config: Mapping[str, Any]
    built: Architecture | NgramShape
    text: TextRules | None
    model_sha256: str
    manifest: Manifest

    @property
    def report(self) -> Mapping[str, Any]:
        """The metrics that it was sealed with."""
        return self.manifest.report

    def opening(self) -> AbstractContextManager[None]:
        """Wraps opening more of its files: ArtifactError if another model has replaced it."""
        return unreplaced(self.path, self.manifest)

    @property
    def rules(self) -> TextRules:
        """How raw text becomes ids; UsageError for a model of series, which reads no text."""
        if self.text is None:
            raise UsageError(f"{self.path} is a model of series and reads no text", "name another with --model")
        return self.text

    @property
    def architecture(self) -> Architecture:
        """The architecture of its network; UsageError for an n-gram model, which has none."""
        if isinstance(self.built, NgramShape):
            raise self._no_network()
        return self.built

    @property
    def task(self) -> str:
        """What it was trained for: 'language', 'tag', 'classify' or 'forecast'."""
        return "language" if isinstance(self.built, NgramShape) else self.built.task

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its outputs, where they are labels."""
        return tuple(self.config.get("labels", ()))

    @property
    def label_counts(self) -> tuple[int, ...]:
        """How often each label was a target in training."""
        return tuple(self.config.get("label_counts", ()))

    @property
    def context(self) -> str:
        """The context that a language model was trained in."""
        return str(self.config["context"])

    @property
    def weights(self) -> str:
        """How `weights.safetensors` holds its network's matrices: 'float32' or 'int8'; UsageError where it has none."""
        if isinstance(self.built, NgramShape):
            raise self._no_network()
        return str(self.config.get("weights", "float32"))

    def _no_network(self) -> UsageError:
        return UsageError(f"{self.path} is an n-gram model, which has no network", "name a network instead")

    @property
    def name(self) -> str:
        """The name of its directory."""
        return place_of(self.path).name


def model_config(architecture: Architecture, described: Mapping[str, Any]) -> dict[str, Any]:
    """What `config.json` holds.

    `described` is how the model reads data: `text` (from `text_description`) or `series`, `labels`, `context`; and what
    readers do not need: settings of training, digests of data.
    """
    return {
        "format": FORMAT, "version": VERSION, "task": architecture.task, "architecture": asdict(architecture),
        **described,
    }  # fmt: skip


def ngram_config(shape: NgramShape, described: Mapping[str, Any]) -> dict[str, Any]:
    """The same for an n-gram model; `described` is its `text`, `context` and data."""
    return {"format": FORMAT, "version": VERSION, "task": "language", "ngram": asdict(shape), **described}


def text_description(rules: TextRules) -> dict[str, Any]:
    """The rules from raw text to ids as `config.json` holds them, beside `tokenizer.json`."""
    return {"kind": rules.kind, "rule": rules.rule.described(), "units": asdict(rules.units)}


def seal_model(
    directory: Path,
    *,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    report: Mapping[str, Any],
    more: Sequence[str] = (),
) -> Manifest:
    """Write the manifest of a finished model's files; `more` are those of a model that is not a network."""
    beside = ["metrics.jsonl", "run.json", "settings.toml", "journal.tsv", "replay.toml"]
    names = [CONFIG, WEIGHTS, TOKENIZER, *beside, *more]
    names = [name for name in names if (directory / name).exists()]
    return seal(directory, FORMAT, VERSION, settings=settings, inputs=inputs, report=report, names=names)


def is_sealed(path: Path) -> bool:
    """Whether a directory claims to be a sealed model."""
    path = standing(path)
    return (path / MANIFEST).is_file() and (path / CONFIG).is_file()


def just_sealed(path: Path) -> tuple[Mapping[str, Any], str]:
    """The report and the digest of a network that this process has sealed, whose files it need not read back."""
    manifest = read_manifest(standing(path), FORMAT, VERSION, remedy=REMEDY)
    if manifest is None:
        raise ArtifactError(f"{path} was removed", "train it again")
    return manifest.report, _digest(manifest, (CONFIG, WEIGHTS, TOKENIZER))


def read_sealed(path: Path) -> Sealed:
    """A sealed model, with every file checked against the manifest.

    Raises InputError if there is no model, ArtifactError if it is damaged, changed, of another version, or replaced
    while it is read.
    """
    if not is_sealed(path):
        raise InputError(f"{path} is not a sealed model", "train one with: rnnlm train")
    path = standing(path)
    manifest = read_manifest(path, FORMAT, VERSION, remedy=REMEDY)
    if manifest is None:
        raise ArtifactError(f"{path} was replaced while it was read", "run the same command again")
    with unreplaced(path, manifest):
        return _read(path, manifest)


def _read(path: Path, manifest: Manifest) -> Sealed:
    missing = {CONFIG} - set(manifest.outputs)
    changed = changed_outputs(path, manifest)
    if missing or changed:
        raise ArtifactError(f"{path / (changed or sorted(missing))[0]} has changed since it was written", REMEDY)
    config = read_json(path / CONFIG, remedy=REMEDY)
    try:
        if "ngram" in config:
            return _read_ngram(path, config, manifest)
        architecture = Architecture.of(config["architecture"])
        good = config["format"] == FORMAT and config["task"] == architecture.task and architecture.fits()
        good = good and WEIGHTS in manifest.outputs
        good = good and isinstance(config.get("data", {}), dict)
        good = good and config.get("weights", "float32") in ("float32", "int8")
        if architecture.task == "language":
            good = good and config["context"] in ("stream", "sentence", "document")
        elif architecture.task in ("tag", "classify"):
            labels = config["labels"]
            good = good and all(isinstance(label, str) for label in labels)
            good = good and len(set(labels)) == len(labels) == len(config["label_counts"]) == architecture.labels
            good = good and all(type(count) is int and count >= 0 for count in config["label_counts"])
        if good and architecture.features:
            series = SeriesRules.from_json(config["series"])
            good = series.task == architecture.task and series.labels == tuple(config.get("labels", ()))
            good = (
                good
                and series.features == architecture.features
                and architecture.labels == (len(series.outputs) * max(1, len(architecture.quantiles)))
            )
        read = good and architecture.vocabulary
        text = _text_rules(path, config["text"], architecture.vocabulary) if read else None
    except (KeyError, TypeError, ValueError, AttributeError, OSError):
        good = False
    if not good:
        raise ArtifactError(f"{path / CONFIG} is not a model's configuration", REMEDY)
    digest = _digest(manifest, (CONFIG, WEIGHTS, TOKENIZER))
    return Sealed(path, config, architecture, text, digest, manifest)


def _read_ngram(path: Path, config: Mapping[str, Any], manifest: Manifest) -> Sealed:
    """The same for an n-gram model; ValueError for an invalid configuration."""
    shape = NgramShape(**config["ngram"])
    names = (CONFIG, TOKENIZER, *grams_names(shape.order)) if shape.fits() else ()
    good = config["format"] == FORMAT and config["context"] in ("stream", "sentence")
    if not names or not good or not set(names) <= set(manifest.outputs):
        raise ValueError
    text = _text_rules(path, config["text"], shape.vocabulary)
    return Sealed(path, config, shape, text, _digest(manifest, names), manifest)


def _digest(manifest: Manifest, names: Sequence[str]) -> str:
    """The identity of a model: the digest of all that its results depend on."""
    return sha256_bytes(canonical({name: manifest.outputs[name] for name in names if name in manifest.outputs}))


def _text_rules(path: Path, text: Mapping[str, Any], vocabulary: int) -> TextRules:
    rule, units, kind = CleanRule(**text["rule"]), UnitRule(**text["units"]), text["kind"]
    known = kind in (*get_args(TokenKind), "imported") and rule.fits()
    if not (known and all(type(each) is bool for each in asdict(units).values())):
        raise ValueError
    tokenizer = load_tokenizer((path / TOKENIZER).read_text("utf-8"), str(path / TOKENIZER))
    if rule.then:  # config.json has only the digest of an imported normalizer; tokenizer.json has all the cleaning
        whole = normalizer_json(tokenizer.normalizer)
        rule = CleanRule("keep", "keep", "keep", "none", False, fold=False, special=False, then=whole)
    ids = sorted(tokenizer.get_vocab().values())
    if len(ids) != vocabulary or ids != list(range(vocabulary)):
        raise ArtifactError(f"{path / TOKENIZER} does not have the {vocabulary:,} ids of {CONFIG}", REMEDY)
    return TextRules(kind, rule, units, tokenizer)
