"""Training with an observer: the files kept beside the weights, and the errors when a run ends early."""

import contextlib
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from rnnlm.app.pipeline import Pipeline
from rnnlm.app.train.budget import budget_of
from rnnlm.app.train.describe import Run
from rnnlm.config import WORKSPACE
from rnnlm.errors import OutOfMemoryError, StoppedError, StorageError, is_out_of_memory
from rnnlm.model.cells.library import shipped
from rnnlm.model.network import Network
from rnnlm.training.event_log import EventLog
from rnnlm.training.following import Leader
from rnnlm.training.journal import JOURNAL, REPLAY, Header, Journal
from rnnlm.training.loop import Trainer
from rnnlm.training.machine import no_promise, this_machine
from rnnlm.training.progress import Observer, Outcome, Stopped
from rnnlm.training.ranks import LostError, size_of
from rnnlm.training.reserve import validated_tokens
from rnnlm.training.run import Place
from rnnlm.training.settings import TrainSettings

Watch = Callable[[], AbstractContextManager[Observer]]  # a context around training with its observer, which may stop it


@contextlib.contextmanager
def resumable(run: Run, workspace: Path, place: Place) -> Iterator[None]:
    """Errors that end the run early name the command that continues it."""
    resume = _resume_command(run, workspace, place)
    try:
        yield
    except Stopped as stopped:
        name = signal.Signals(stopped.signal_number).name
        raise StoppedError(
            f"stopped by {name}, a checkpoint is saved", f"continue with: {resume}", stopped.signal_number
        ) from None
    except StoppedError as stopped:
        raise StoppedError(stopped.message, f"continue with: {resume}", stopped.exit_code - 128) from None
    except KeyboardInterrupt:
        hint = f"continue from the last checkpoint with: {resume}"
        raise StoppedError("stopped at once", hint, signal.SIGINT) from None
    except StorageError as error:
        raise StorageError(error.message, f"free some space or check the disk, then continue with: {resume}") from error
    except LostError as error:
        raise LostError(error.message, f"continue with: {resume}") from None
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"{place.target}: out of memory", f"{run.demand.smaller()}, or continue with: {resume}"
        ) from error


def _resume_command(run: Run, workspace: Path, place: Place) -> str:
    """The command that continues a run, with the settings that a workspace does not record."""
    more = [] if run.settings.from_ is None else ["--from", run.settings.from_]
    more += [] if run.record is None else ["--config", str(place.directory / REPLAY)]
    return shlex.join(["rnnlm", "train", str(workspace), *more, "--name", place.target.name, "--resume"])


def train_network(pipeline: Pipeline, network: Network, run: Run, place: Place, watch: Watch) -> Outcome:
    """Train with an observer; raises Stopped, after a checkpoint, if it requests that."""
    directory, resume = place.directory, place.state == "unfinished"
    _announce(pipeline, network, run, place)
    device, ranks = network.bias.device, pipeline.request.ranks
    processes = 1 if run.settings.parts is not None else size_of(ranks)
    identity = replace(run.identity, sha256=place.run_sha256, machine=this_machine(device.type, processes))
    screen, settings = pipeline.screen, run.settings
    with contextlib.ExitStack() as stack:
        watcher = stack.enter_context(watch())
        if pipeline.settings(TrainSettings).settings.log_to is not None:
            target = pipeline.workspace.path / "tensorboard" / place.target.name
            watcher = stack.enter_context(EventLog(watcher, directory, target))
        journal, validated = None, None
        if run.choice is not None:
            header = Header(identity.read, identity.machine, validated_tokens(run.choice), run.before)
            journal = stack.enter_context(Journal(directory / JOURNAL, header))
            validated = journal.header.validated_tokens
        elif run.record is not None:
            validated = run.record.header.validated_tokens
            doubt = no_promise(run.record.header.machine, identity.machine)
            if doubt is not None and not resume:
                screen.notice(doubt)
        learner = None
        if ranks is not None:
            read = {"workspace": str(pipeline.workspace.path), "inputs": dict(run.data.inputs), "validated": validated}
            learner = Leader(network, settings, ranks, read)
        trainer = Trainer(
            network, run.data.objective(settings, validated), settings, directory, watcher,
            budget_of(pipeline.request, settings, run.choice, run.data, network.parameter_count),
            identity=identity, journal=journal, record=run.record, learner=learner,
            review=run.choice.review if run.choice and run.before is None and ranks is None else None,
        )  # fmt: skip
        return trainer.run(resume=resume)


def _announce(pipeline: Pipeline, network: Network, run: Run, place: Place) -> None:
    """Notices about the run that begins."""
    screen, settings, data = pipeline.screen, run.settings, run.data
    screen.notice(
        f"train: {place.target.name}, {network.parameter_count:,} parameters on {data.size.tokens:,} tokens, "
        f"batch {settings.batch_size} × {settings.bptt}, rate {settings.learning_rate:g}, dropout {settings.dropout:g}"
    )
    if run.architecture.cell not in shipped():  # a name that was misspelt would be a weight
        form = run.architecture.form
        weights = ", ".join(" ".join(names) for names in form.blocks.values())
        state = ", ".join(f"{name}(t-{delay})" for name, delay in form.slots)
        screen.notice(f"train: the cell {run.architecture.cell} has weights {weights}; state {state}")
    if run.choice is not None and pipeline.settings(TrainSettings).origins["budget"] == WORKSPACE:
        screen.notice(f"train: --budget {settings.budget} again, as the workspace has recorded")
    for reason in run.choice.reasons if run.choice is not None else ():
        screen.notice(f"train: {reason}")
    if run.record is not None:
        screen.notice(f"train: the {len(run.record):,} steps of the journal, one by one")
    if run.architecture.forced and data.task == "language":
        screen.notice(
            "train: y(t−1) is x(t) in a text, so this network learns which token follows which: a bigram model"
        )
