"""Runs what a command needs: finds or makes the workspace, brings earlier stages up to date, and says so.

Each stage is a pair: the settings that decide its content, and the function that fills its directory.
"""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rnnlm.app.corpus import Corpus
from rnnlm.app.request import SECTIONS, Request
from rnnlm.app.screen import Screen
from rnnlm.app.sections import section_order
from rnnlm.artifacts import sha256_bytes, write_bytes
from rnnlm.config import as_dict, files_of, to_toml
from rnnlm.corpus.clean import UnitRule, clean
from rnnlm.corpus.labels.raw import split_labelled
from rnnlm.corpus.normalizer import normalizer_json
from rnnlm.corpus.pad import pad, padded_size
from rnnlm.corpus.raw import join_splits, split_raw
from rnnlm.corpus.settings import SPLITS, CleanSettings, EmbedSettings, PadSettings, RawSettings, TokenizeSettings
from rnnlm.corpus.tokenize import tokenize
from rnnlm.corpus.tokenizer import tokens_by_id
from rnnlm.corpus.vocabulary import vocab
from rnnlm.errors import InputError, UsageError
from rnnlm.graph import STAGES, chain
from rnnlm.tables.settings import WindowSettings
from rnnlm.training.settings import TrainSettings
from rnnlm.workspace import Built, Workspace

Recipe = tuple[dict[str, Any], Callable[[Path], dict[str, Any]]]
GIGABYTE = 10**9


class Pipeline(Corpus):
    """Brings the stages of a corpus up to date.

    Stages `of_another_corpus` stay until what replaces them is sealed; what nothing replaces goes after that.
    """

    def __init__(
        self, workspace: Workspace, request: Request, screen: Screen, *, of_another_corpus: bool = False
    ) -> None:
        super().__init__(workspace, request, screen)
        self._of_another_corpus = of_another_corpus

    def ensure(self, stage: str, *, force: bool = False, asked: bool = True) -> Built:
        """Bring a stage and all it reads up to date; earlier ones that had to run are named on standard error.

        `asked` says that the stage is the command itself, not something that the command reads.
        """
        stale: set[str] = set()
        for name in chain(stage):
            last = name == stage and asked
            settings, builder = getattr(self, f"_{name}")()
            built = self.workspace.build(name, settings, builder, force=force and last)
            if built.fresh and not last and name != self.request.command:
                self.screen.notice(f"{name}: ran first: {self.request.command} needs it")
            elif last and not built.fresh:
                self.screen.notice(f"{name}: up to date")
            stale.update(built.stale)
        if self._of_another_corpus:
            self.workspace.drop(keep=chain(stage))
            self._of_another_corpus, stale = False, set()
        stale -= set(chain(stage))
        if stale:
            names = ", ".join(name for name in STAGES if name in stale)
            self.screen.notice(f"{stage}: rebuilt, so these are stale now: {names}")
        return built

    def plan(self, stage: str) -> dict[str, str]:
        """What `ensure` would do with each stage, nothing being run or written."""
        plan: dict[str, str] = {}
        for name in chain(stage):
            if "would run" in (plan.get(each) for each in STAGES[name].inputs):
                plan[name] = "would run"
                continue
            manifest = self.workspace.manifest(name)
            settings, _ = getattr(self, f"_{name}")()
            same = manifest is not None and dict(manifest.settings) == settings
            plan[name] = "up to date" if same and self.workspace.state(name) == "current" else "would run"
        return plan

    def record(self) -> None:
        """Remember what this request was given, for later ones, and write out all that it resolved to."""
        order = section_order(self.workspace)
        sections = [section for section in order if section in self.request.sections]
        given = {section: self.settings(SECTIONS[section]).given() for section in sections}
        for section, values in given.items():
            for name in files_of(self.settings(SECTIONS[section]).settings, written=False).keys() & values.keys():
                values[name] = _absolute(str(values[name]))
        self.workspace.record(given)
        resolved = {section: as_dict(self.settings(SECTIONS[section]).settings) for section in order}
        self._write_settings(self.workspace.path / "settings.toml", to_toml(resolved).encode())

    def _write_settings(self, path: Path, content: bytes) -> None:
        """Write what was resolved, but never into the file that --config read it from."""
        config = self.request.config
        if config is None or not path.exists() or not path.samefile(config):
            write_bytes(path, content)
        elif path.read_bytes() != content:
            self.screen.notice(f"{path} is the file of --config and stays as it is; flags of this run are not in it")

    def _raw(self) -> Recipe:
        manifest = self.workspace.manifest("raw")
        if manifest is None:
            raise InputError(
                f"{self.workspace.path} holds no corpus yet",
                f"name one: rnnlm clean CORPUS --out {self.workspace.path}",
            )
        given = self.settings(RawSettings).settings
        settings = dict(manifest.settings)
        for name in ("fractions", "split_seed"):
            if settings.get(name) is not None:
                settings[name] = getattr(given, name)
        return settings, lambda directory: self._split_again(directory, given)

    def _split_again(self, directory: Path, given: RawSettings) -> dict[str, Any]:
        """Put the kept splits together again, which is the corpus as it was, and cut it anew."""
        before = self.workspace.verified("raw").report
        spool = directory / ".spool"
        spool.mkdir()
        raw = self.workspace.directory("raw")
        join_splits(raw, spool)
        if self.labels is None:
            report = split_raw(spool, directory, given.fractions)
        else:
            join_splits(raw, spool, ".labels.txt")
            left_out = {name: before[name] for name in ("blank_texts", "duplicates") if name in before}
            report = split_labelled(spool, directory, self.labels, given.fractions, given.split_seed, **left_out)
        shutil.rmtree(spool)
        return report

    def _clean(self) -> Recipe:
        rule, units = self.rule, UnitRule.of(self.settings(CleanSettings).settings, self.kind)
        settings = {
            "rule": rule.described(),
            "units": asdict(units),
            "normalizer": sha256_bytes(normalizer_json(rule.normalizer()).encode()),
        }
        raw = self.workspace.directory("raw")

        def build(directory: Path) -> dict[str, Any]:
            with self.screen.bytes_progress("clean", self._bytes("raw")) as advance:
                return clean(raw, directory, rule, units, advance)

        return settings, build

    def _tokenize(self) -> Recipe:
        given = self.settings(TokenizeSettings).settings
        settings: dict[str, Any] = {"kind": self.kind, "rule": self.rule.described()}
        if self.kind == "bpe":
            settings |= {"vocab_size": given.vocab_size, "sample_megabytes": given.sample_megabytes}
        if self.imported is not None:
            settings["tokenizer_sha256"] = self.imported.source_sha256

        def build(directory: Path) -> dict[str, Any]:
            with self.screen.bytes_progress("tokenize", self._bytes("clean")) as advance:
                return tokenize(
                    self.workspace.directory("clean"),
                    directory,
                    kind=self.kind,
                    rule=self.rule,
                    vocab_size=given.vocab_size,
                    sample_bytes=given.sample_megabytes * 10**6,
                    imported=self.imported,
                    progress=advance,
                )

        return settings, build

    def _vocab(self) -> Recipe:
        choice = self.vocab_rule()
        settings = {
            "kind": self.kind,
            "rule": self.rule.described(),
            "min_count": choice.min_count,
            "max_size": choice.max_size,
            "lexicon_sha256": choice.lexicon and sha256_bytes("\n".join(choice.lexicon).encode()),
        }

        def build(directory: Path) -> dict[str, Any]:
            with self.screen.bytes_progress("vocab", self._bytes("tokenize")) as advance:
                return vocab(
                    self.workspace.directory("tokenize"),
                    directory,
                    kind=self.kind,
                    rule=self.rule,
                    choice=choice,
                    progress=advance,
                )

        return settings, build

    def _pad(self) -> Recipe:
        given = self.settings(PadSettings).settings
        splits = {split: self.ids(split) for split in SPLITS}
        width, rows, size = padded_size(splits, given.max_length, given.long_lines)

        def build(directory: Path) -> dict[str, Any]:
            self.screen.notice(f"pad: {sum(rows.values()):,} rows of {width:,} ids, {size:,} bytes")
            self.refuse_large(size, "pad", "--max-length")
            return pad(splits, directory, width, given.long_lines)

        return {"length": width, "long_lines": given.long_lines}, build

    def _embed(self) -> Recipe:
        from rnnlm.app.embed import embed_recipe
        from rnnlm.training.defaults import fill_in

        given, train = self.settings(EmbedSettings).settings, self.settings(TrainSettings).settings
        ids = self.ids("train")
        _, dimensions = fill_in(
            train, task=self.task, kind=self.kind, tokens=len(ids.ids), lines=ids.lines, embedding=given.embedding
        )
        names = tokens_by_id(self.tokenizer)
        recipe = embed_recipe(self.workspace, names, given, ids=ids, dimensions=dimensions, seed=train.seed)
        size = 4 * recipe.size * recipe.dimensions

        def build(directory: Path) -> dict[str, Any]:
            if self.request.command == "embed":
                self.screen.notice(f"embed: ({recipe.size:,}, {recipe.dimensions:,}) float32, {size:,} bytes")
            self.refuse_large(size, "embed", "--embedding")
            return recipe.build(directory)

        return recipe.settings, build

    def _table(self) -> Recipe:
        from rnnlm.app.window import table_recipe

        return table_recipe(self.workspace)

    def _window(self) -> Recipe:
        from rnnlm.app.window import window_recipe

        return window_recipe(self.workspace, self.settings(WindowSettings).settings)

    def refuse_large(self, size: int, what: str, flag: str) -> None:
        """UsageError for a result over 1 GB that --force does not ask for."""
        if size > GIGABYTE and not self.request.run.force:
            raise UsageError(f"{what} would write {size / GIGABYTE:.1f} GB", f"use a smaller {flag}, or --force")

    def _bytes(self, stage: str) -> int:
        return sum((self.workspace.directory(stage) / f"{split}.txt").stat().st_size for split in SPLITS)


def _absolute(name: str) -> str:
    """A file's name as it is from any directory; what is no file stays as it is."""
    return str(Path(name).resolve()) if Path(name).exists() else name
