"""A workspace's corpus under the settings of a request: its task, its kind of token, its rules and its splits."""

import functools
from pathlib import Path
from typing import TypeVar

from rnnlm.app.request import Request
from rnnlm.artifacts import Manifest
from rnnlm.config import WORKSPACE, Resolved, files_of
from rnnlm.corpus.clean import UnitRule
from rnnlm.corpus.foreign.idempotence import settle
from rnnlm.corpus.foreign.imported import Imported, take_over
from rnnlm.corpus.ids import Ids, open_ids
from rnnlm.corpus.labels.labelled import LabelledText, label_set, open_labelled
from rnnlm.corpus.look import unlike
from rnnlm.corpus.normalizer import CleanRule
from rnnlm.corpus.settings import (
    LABELS_OF,
    TASK_OF,
    WORD_KINDS,
    CleanSettings,
    EmbedSettings,
    Labels,
    RawSettings,
    Task,
    TokenizeSettings,
    VocabSettings,
)
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import load_tokenizer
from rnnlm.corpus.vocabulary import VocabRule, read_lexicon
from rnnlm.errors import InputError, UsageError
from rnnlm.files import read_input
from rnnlm.screen import Screen
from rnnlm.tables.settings import WindowSettings, task_of
from rnnlm.workers import Pool
from rnnlm.workspace import Workspace

S = TypeVar("S")
_GIGABYTE = 10**9


class Corpus:
    """A workspace, and the settings of this request over those it recorded.

    `imported` is an imported tokenizer, if any. Raises UsageError for invalid settings.
    """

    def __init__(self, workspace: Workspace, request: Request, screen: Screen) -> None:
        self.workspace, self.request, self.screen = workspace, request, screen
        self.imported: Imported | None = None
        self.pool: Pool | None = None  # while stages are built
        self._refuse_task()
        for kind in (TokenizeSettings, VocabSettings, EmbedSettings):
            for name, (path,) in files_of(self.settings(kind).settings, written=False).items():
                if workspace.holds(Path(path)):
                    raise UsageError(f"--{name} {path} is a file of this workspace", "copy it elsewhere first")
        refuse_for_labels(self.labels, self.settings(CleanSettings), self.settings(TokenizeSettings))
        tokenizer = self.settings(TokenizeSettings).settings.tokenizer
        if tokenizer is not None:
            self.imported = take_over(_read(Path(tokenizer)), tokenizer)
        if "vocab" in request.sections:
            self.vocab_rule()  # raises errors before any stage runs

    def settings(self, kind: type[S]) -> Resolved[S]:
        """Settings of a class, including those recorded in the workspace."""
        return self.request.settings(kind)

    @functools.cached_property
    def labels(self) -> Labels | None:
        """What has labels in the workspace's corpus: each 'token', each 'text', or None."""
        manifest = self.workspace.manifest("raw")
        return manifest.settings.get("labels") if manifest else None

    @property
    def of_table(self) -> bool:
        """Whether the workspace has a table."""
        return self.workspace.manifest("table") is not None

    @property
    def task(self) -> Task:
        """The task: that of --task, or of the labels of the workspace's corpus, or of the windows of its table."""
        if self.of_table:
            given = self.settings(WindowSettings).settings
            return task_of(given.label, each=given.label_each)
        return self.settings(RawSettings).settings.task or TASK_OF[self.labels]

    @property
    def kind(self) -> str:
        """The kind of token: 'imported' for an imported tokenizer."""
        if self.imported is not None:
            return "imported"
        prepared = self.settings(CleanSettings).settings.prepared
        return self.settings(TokenizeSettings).settings.kind or ("whitespace" if prepared else "word")

    @functools.cached_property
    def cleans_as_earlier(self) -> bool:
        """Whether the workspace was cleaned by an earlier version, whose manifests do not name their rules."""
        cleaned = None if self.request.run.force else self.workspace.manifest("clean")
        return cleaned is not None and "rules" not in cleaned.settings

    @functools.cached_property
    def rule(self) -> CleanRule:
        """The rules of cleaning for this kind of token, followed by those of an imported tokenizer.

        A workspace keeps those of an earlier version until it is rebuilt with --force.
        """
        rule = CleanRule.of(self.settings(CleanSettings).settings, self.kind, tagged=self.labels == "token")
        if self.cleans_as_earlier:
            rule = rule.earlier()
        if self.imported is None:
            return rule
        return settle(rule, self.imported.normalizer, str(self.settings(TokenizeSettings).settings.tokenizer))

    @functools.cached_property
    def units(self) -> UnitRule:
        """What a unit of the corpus is."""
        return UnitRule.of(self.settings(CleanSettings).settings, self.kind)

    def text_rules(self) -> tuple[TextRules, bytes]:
        """The rules from raw text to the ids of the `vocab` stage, and its tokenizer.json."""
        with self.workspace.opening("vocab") as directory:
            path = directory / "tokenizer.json"
            content = path.read_bytes()
        return TextRules(self.kind, self.rule, self.units, load_tokenizer(content.decode(), str(path))), content

    def ids(self, split: str) -> Ids:
        """A split as ids, checked."""
        with self.workspace.opening("vocab", "clean") as directory:
            size = self.workspace.verified("vocab").report.get("size")
            documents = self.workspace.directory("clean") / f"{split}.documents.npy"
            return open_ids(directory, split, size, documents)

    def label_set(self) -> tuple[str, ...]:
        """The labels of the training split, in the order of their numbers."""
        with self.workspace.opening("raw") as raw:
            return label_set(raw, per_token=self.labels == "token")

    def labelled(self, split: str, labels: tuple[str, ...]) -> LabelledText:
        """A split as ids with its labels by their numbers in `labels`, checked."""
        with self.workspace.opening("raw", "clean") as raw:
            clean = self.workspace.directory("clean")
            return open_labelled(raw, clean, self.ids(split), split, labels, per_token=self.labels == "token")

    def vocab_rule(self) -> VocabRule:
        """Which tokens the vocabulary contains; InputError or UsageError for an invalid choice."""
        resolved = self.settings(VocabSettings)
        given = resolved.settings
        if self.kind not in (*WORD_KINDS, "char"):
            refuse_counting(self.kind, resolved)
            return VocabRule(1, None)
        if given.vocabulary is not None:
            return VocabRule(1, given.max_size, read_lexicon(Path(given.vocabulary), self.rule))
        # Tagged words are prepared, but their rare ones are needed to train `<unk>`.
        prepared = self.settings(CleanSettings).settings.prepared and self.labels != "token"
        kept = self.kind == "char" or given.closed or prepared
        return VocabRule(given.min_count or (1 if kept else 2), given.max_size)

    def refuse_large(self, size: int, what: str, flag: str) -> None:
        """UsageError for a result over 1 GB that --force does not ask for."""
        if size > _GIGABYTE and not self.request.run.force:
            raise UsageError(f"{what} would write {size / _GIGABYTE:.1f} GB", f"use a smaller {flag}, or --force")

    def _refuse_task(self) -> None:
        """Raise UsageError for a task that the workspace's corpus does not support."""
        task = self.settings(RawSettings).settings.task
        if self.of_table and task not in (None, self.task):
            raise UsageError(
                f"--task {task}, but {self.workspace.path} contains a table, whose task is {self.task}",
                "omit --task, or name a text corpus and another --out",
            )
        if self.workspace.manifest("raw") is None:
            return
        refuse_forecast(task)
        if task in LABELS_OF and LABELS_OF[task] != self.labels:
            each = "word" if task == "tag" else "text"
            raise UsageError(
                f"--task {task}, but the corpus of {self.workspace.path} has no label for each {each}",
                f"read it again: rnnlm clean CORPUS --task {task} --out ANOTHER",
            )


def tell_split(raw: Path, manifest: Manifest, screen: Screen) -> None:
    """Notices about a text that was split here: cut within its only line, or into parts of different kinds."""
    if manifest.report.get("one_line"):
        screen.notice("raw: the text is one line, cut at spaces")
    if manifest.setting("fractions") is not None and unlike(raw / "train.txt", raw / "valid.txt"):
        screen.notice("raw: the lines of valid are unlike those of train, as in a sorted corpus; --shuffle mixes them")


def refuse_forecast(task: Task | None) -> None:
    """Raise UsageError for a forecast of a text corpus."""
    if task == "forecast":
        raise UsageError("--task forecast with a text corpus", "use rnnlm window TABLE")


def refuse_for_labels(
    labels: Labels | None, clean: Resolved[CleanSettings], tokenize: Resolved[TokenizeSettings]
) -> None:
    """Raise UsageError for settings that separate words from their tags, or texts from their labels."""
    kind, tokenizer = tokenize.settings.kind, tokenize.settings.tokenizer
    if labels == "token" and (tokenizer is not None or kind not in (None, "whitespace")):
        flag = f"--kind {kind}" if tokenizer is None else "--tokenizer"
        raise UsageError(f"{flag} with --task tag", "a tagged word is one token; omit it")
    if labels == "token" and not clean.settings.prepared:
        raise UsageError("--no-prepared with --task tag", "tagged words are not cleaned; omit it")
    if labels == "text" and clean.settings.sentences:
        raise UsageError("--sentences with --task classify", "a label applies to a whole text; omit it")


def refuse_counting(kind: str, vocab: Resolved[VocabSettings]) -> None:
    """Raise UsageError for flags that select words by count, if tokens are not words or characters."""
    for name in ("min_count", "max_size", "vocabulary"):
        if getattr(vocab.settings, name) is not None and vocab.origins[name] != WORKSPACE:
            raise UsageError(
                f"--{name.replace('_', '-')} with --kind {kind}", "it applies to words and characters only"
            )


def _read(path: Path) -> bytes:
    try:
        return read_input(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", "check the path") from None
