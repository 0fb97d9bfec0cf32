"""Brings the stages that a command needs up to date, with notices, and records their settings."""

from pathlib import Path

from rnnlm.app.corpus import Corpus
from rnnlm.app.request import SECTIONS, TABLE_SECTIONS, TEXT_SECTIONS, Request
from rnnlm.app.stages import PIPELINE, PipelineStage
from rnnlm.artifacts import write_bytes
from rnnlm.builtin.recipes import Measured
from rnnlm.config import as_dict, files_of, to_toml
from rnnlm.graph import STAGES, chain
from rnnlm.screen import Screen
from rnnlm.workers import Pool
from rnnlm.workspace import Built, Workspace


class Pipeline(Corpus):
    """A workspace's stages under the settings of a request.

    Stages `of_another_corpus` are kept until their replacements are sealed; the others are deleted after that.
    """

    def __init__(
        self, workspace: Workspace, request: Request, screen: Screen, *, of_another_corpus: bool = False
    ) -> None:
        super().__init__(workspace, request, screen)
        self._of_another_corpus = of_another_corpus

    def stage(self, name: str) -> PipelineStage:
        """A stage with the settings of this request."""
        return PIPELINE[name](self)

    def ensure(self, stage: str, *, force: bool = False, asked: bool = True) -> Built:
        """Bring a stage and its inputs up to date; notices name the earlier stages that ran.

        `asked` is true if the stage is the command itself, not an input of the command.
        """
        stale: set[str] = set()
        with Pool(self.request.processes) as self.pool:
            for name in chain(stage):
                last = name == stage and asked
                wanted = self.stage(name)
                built = self.workspace.build(name, wanted.settings(), wanted.build, force=force and last)
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
        """What `ensure` would do with each stage; nothing is run or written."""
        plan: dict[str, str] = {}
        for name in chain(stage):
            if "would run" in (plan.get(each) for each in STAGES[name].inputs):
                plan[name] = "would run"
                continue
            manifest = self.workspace.manifest(name)
            same = manifest is not None and dict(manifest.settings) == self.stage(name).settings()
            plan[name] = "up to date" if same and self.workspace.state(name) == "current" else "would run"
        return plan

    def record(self) -> None:
        """Record the given settings for later requests, and write all resolved settings."""
        order = section_order(self.workspace)
        given = {
            section: self.settings(SECTIONS[section]).given() for section in order if section in self.request.sections
        }
        for section, values in given.items():
            for name in files_of(self.settings(SECTIONS[section]).settings, written=False).keys() & values.keys():
                values[name] = _absolute(str(values[name]))
        resolved = {section: as_dict(self.settings(SECTIONS[section]).settings) for section in order}
        self.workspace.record(given)
        self._write_settings(self.workspace.path / "settings.toml", to_toml(resolved).encode())

    def _write_settings(self, path: Path, content: bytes) -> None:
        """Write resolved settings, but never into the file of --config."""
        config = self.request.config
        if config is None or not path.exists() or not path.samefile(config):
            write_bytes(path, content)
        elif path.read_bytes() != content:
            self.screen.notice(f"{path} is the file of --config and is not changed; flags of this run are not in it")

    @property
    def recipe(self) -> Measured | None:
        """What --check compares a run with."""
        from rnnlm.report.recipe_check import recipe_of

        return recipe_of({name: self.settings(SECTIONS[name]).settings for name in section_order(self.workspace)})


def section_order(workspace: Workspace | None) -> tuple[str, ...]:
    """The sections of settings that apply to a workspace with a corpus, or with a table."""
    series = workspace is not None and workspace.directory("table").exists()
    return TABLE_SECTIONS if series else TEXT_SECTIONS


def _absolute(name: str) -> str:
    """The absolute path of a file; other names are returned unchanged."""
    return str(Path(name).resolve()) if Path(name).exists() else name
