"""A training run from its description to a sealed model: found, continued or begun, measured and sealed."""

import contextlib
import shutil
from collections.abc import Callable, Iterator

from rnnlm.app.pipeline import Pipeline, section_order
from rnnlm.app.request import SECTIONS
from rnnlm.app.train.describe import Run, base_of, begun_again, describe, network_of
from rnnlm.app.train.plan import refuse_too_large
from rnnlm.app.train.session import Watch, resumable, train_network
from rnnlm.artifacts import write_bytes
from rnnlm.config import as_dict, seconds, to_toml
from rnnlm.corpus.settings import EmbedSettings, PadSettings
from rnnlm.directories import check_space, recover, replacing
from rnnlm.errors import UsageError
from rnnlm.locks import own_directory, tidy
from rnnlm.model.device import choose_device, set_matmul, set_threads
from rnnlm.model.sealed import Sealed
from rnnlm.report.recipe_check import check_corpus
from rnnlm.training.budget import BeginAgain
from rnnlm.training.event_log import check_event_log
from rnnlm.training.finished import finished
from rnnlm.training.following import check_processes
from rnnlm.training.identity import CHECKPOINTS, SETTINGS
from rnnlm.training.journal import JOURNAL, REPLAY
from rnnlm.training.memory import disk_bytes
from rnnlm.training.ranks import size_of
from rnnlm.training.reserve import Reserved
from rnnlm.training.run import Place, begin, find_place, finish, settle, successor, write_timing
from rnnlm.training.settings import TrainSettings, check_forms


@contextlib.contextmanager
def described(pipeline: Pipeline) -> Iterator[tuple[Run, str]]:
    """The run that the pipeline's settings describe, with its stages up to date, and its device.

    Its temporary files in the workspace are removed when the block ends.
    """
    request, workspace = pipeline.request, pipeline.workspace
    device = choose_device(request.run.device)
    set_threads(request.run.threads, 1 if request.ranks is None else request.ranks.local)
    given = pipeline.settings(TrainSettings)
    check_forms(given.settings)
    if given.settings.log_to is not None:
        check_event_log()
    set_matmul(given.settings.matmul, device)
    base, known = base_of(pipeline, given), pipeline.recipe
    with workspace.lock():
        _bring_up_to_date(pipeline, given.settings, base)
    check_corpus(known, workspace)
    text = own_directory(workspace.path, ".train.")
    try:
        yield describe(pipeline, given.settings, base, text, device), device
    finally:
        shutil.rmtree(text, ignore_errors=True)


def _bring_up_to_date(pipeline: Pipeline, given: TrainSettings, base: Sealed | None) -> None:
    """Build the stages that a run reads; `pad` and `embed` if they exist, or if a setting needs them."""
    if pipeline.of_table:
        pipeline.ensure("window", asked=False)
        return
    pipeline.ensure("vocab" if base is None else "raw", asked=False)
    if base is not None:
        return
    embed, pad = pipeline.settings(EmbedSettings).settings, pipeline.settings(PadSettings).settings
    in_time = given.budget is not None or given.replay is not None
    needed = embed.vectors is not None or (embed.embedding_init is not None and not in_time)
    if needed or pipeline.workspace.manifest("embed"):
        pipeline.ensure("embed", asked=False)
    cut = pad.long_lines == "split" and pad.max_length is not None
    sentences = pipeline.task == "language" and given.batching == "sentences"
    if sentences and (cut or pipeline.workspace.manifest("pad")):
        pipeline.ensure("pad", asked=False)


def train_or_find(pipeline: Pipeline, run: Run, device: str, watch: Watch) -> Place:
    """The sealed run, found or trained now."""
    given = pipeline.settings(TrainSettings).settings
    models = pipeline.workspace.path / "models"
    models.mkdir(exist_ok=True)

    def find() -> Place:
        force = pipeline.request.run.force
        return find_place(models, run.architecture.cell, given.name, run.identity, resume=given.resume, force=force)

    place = find()
    if place.state != "sealed":
        refuse_too_large(run, device, pipeline.request)
        check_processes(run.settings, size_of(pipeline.request.ranks))
    if place.state == "new":
        check_space(models, disk_bytes(run.architecture, run.settings), f"training {place.target}")
    config, replaces = pipeline.request.config, place.state == "new" or place.directory != place.target
    if replaces and config is not None and place.target.resolve() in config.resolve().parents:
        raise UsageError(f"--config {config} is part of the model to be replaced", "copy it elsewhere first")
    if place.state == "sealed" and place.settled:
        _record(pipeline, run)
    else:
        with _alone(find) as place:
            _record(pipeline, run)
            if place.state != "sealed":
                with resumable(run, pipeline.workspace.path, place):
                    _train(pipeline, run, place, device, watch)
                return place
            settle(place)
    words = "finished already" if given.resume else "up to date"
    pipeline.screen.notice(f"{place.target}: {words}")
    return place


def _record(pipeline: Pipeline, run: Run) -> None:
    """Record the settings, once they are known to fit the data and the workspace.

    Those of a replay are not recorded: they belong to another run.
    """
    if run.record is None:
        with pipeline.workspace.lock():
            pipeline.record()


@contextlib.contextmanager
def _alone(find: Callable[[], Place]) -> Iterator[Place]:
    """The place that `find` returns, locked; another process may have finished meanwhile."""
    held, place = None, find()
    with contextlib.ExitStack() as stack:
        while place.target != held:
            stack.close()
            held = place.target
            stack.enter_context(replacing(held, f"another rnnlm trains {held}"))
            recover(successor(held))
            place = find()
        yield place


def _train(pipeline: Pipeline, run: Run, place: Place, device: str, watch: Watch) -> None:
    """Run it and seal it."""
    checkpoints = place.directory / CHECKPOINTS
    network = network_of(run, device, fresh=place.state == "new" or not any(checkpoints.glob("step-*")))
    if place.state == "new":
        begin(place, run.identity, _first_files(pipeline, run))
    tidy(place.directory)
    try:
        outcome = train_network(pipeline, network, run, place, watch)
    except BeginAgain as again:
        pipeline.screen.notice(f"train: {again}")
        run = begun_again(pipeline, run, again)
        network = network_of(run, device, fresh=True)
        begin(place, run.identity, _first_files(pipeline, run))
        outcome = train_network(pipeline, network, run, place, watch)
    deadline = None
    if outcome.ends_at is not None:
        whole = seconds(run.settings.budget or "")
        deadline = outcome.ends_at - Reserved.of(whole, network.parameter_count).sealing
    outcome, report = finished(network, outcome, run.data, run.settings, deadline)
    place.directory.mkdir(parents=True, exist_ok=True)  # the workspace may have been removed meanwhile
    processes, operations = size_of(pipeline.request.ranks), report["operations"]
    write_timing(place.directory, outcome.seconds, outcome.tokens_seen, operations, device, processes)
    if run.choice is not None:
        write_bytes(place.directory / REPLAY, _settings(pipeline, run, replay=True))
    finish(place, outcome, run.identity, as_dict(run.settings), report)


def _first_files(pipeline: Pipeline, run: Run) -> dict[str, bytes]:
    """The files of a run directory before the first step, by name. A replay keeps its journal, to be replayable."""
    if run.record is None:
        return {SETTINGS: _settings(pipeline, run, replay=False)}
    settings = _settings(pipeline, run, replay=True)
    return {SETTINGS: settings, REPLAY: settings, JOURNAL: run.record.content}


def _settings(pipeline: Pipeline, run: Run, *, replay: bool) -> bytes:
    """All settings as TOML; with `replay` the journal replaces the budget, and every choice is fixed."""
    sections = {name: as_dict(pipeline.settings(SECTIONS[name]).settings) for name in section_order(pipeline.workspace)}
    train = as_dict(run.settings)
    if run.choice is not None and "embed" in sections:
        sections["embed"]["embedding"] = run.architecture.embedding
    if replay:
        train |= {"budget": None, "replay": JOURNAL, "from_": run.settings.from_}
        if run.layer is None and "embed" in sections:
            init = "cooccurrence" if run.from_cooccurrence else "random"
            sections["embed"] |= {"embedding_std": run.embedding_std, "embedding_init": init}
    return to_toml({**sections, "train": train}).encode()
