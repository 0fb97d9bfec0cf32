"""A report of a model as one page: what it is, how well it does, how it was trained, what it expects and remembers."""

from rnnlm.corpus.text import EncodedText, encode_text
from rnnlm.errors import UsageError
from rnnlm.model.network import Network
from rnnlm.report.identity import identity
from rnnlm.report.live import bits_for, check_live, live_part, live_section, loss_of_8_bits
from rnnlm.report.memory import memory
from rnnlm.report.metric import metric
from rnnlm.report.page import render
from rnnlm.report.parts import Section
from rnnlm.report.samples import samples
from rnnlm.report.subject import Subject
from rnnlm.report.surprise import surprise
from rnnlm.report.tasks import labels, series
from rnnlm.report.training import training
from rnnlm.use.generation.prompt import text_of
from rnnlm.use.texts import choose_text

_START = 12  # tokens that a live page begins with


def report(subject: Subject) -> tuple[bytes, list[Section]]:
    """The page and its sections; a section that does not apply to the model is left out, with a notice."""
    sealed, model = subject.found.model, subject.model
    if subject.given.live:
        check_live(sealed)
    sections = [identity(subject), *_measured(subject), training(subject)]
    if isinstance(model, Network):
        try:
            sections.append(memory(subject, model))
        except UsageError as error:
            subject.notice(f"nothing on what it remembers: {error.message}")
    if sealed.task == "language" and not subject.given.without_corpus:
        sections.append(samples(subject))
    found = [section for section in sections if section is not None]
    subtitle = f"{sealed.path} · {sealed.model_sha256[:12]}"
    return render(f"The model {subject.name}", subtitle, found), found


def _measured(subject: Subject) -> list[Section]:
    """The metric, and where the model errs or is surprised."""
    task, given = subject.found.model.task, subject.given
    if task != "language":
        if (given.compare, given.context, given.ladder) != (None, None, None):
            raise UsageError("--compare, --context or --ladder with a model of labels or series",
                             "they apply to language models")  # fmt: skip
        assert isinstance(subject.model, Network)
        return (series if task == "forecast" else labels)(subject, subject.model)
    chosen = choose_text(subject.found, given.split, given.text, subject.reading)
    text = encode_text(chosen.blocks, subject.found.model.rules, subject.scratch("text"))
    found = [metric(subject, chosen, text)]
    if not given.without_corpus:
        found.append(surprise(subject, text, chosen.name))
    return [_live(subject, text, chosen.name), *found] if given.live else found


def _live(subject: Subject, text: EncodedText, name: str) -> Section:
    """The model itself."""
    sealed, ids = subject.found.model, text.ids.ids
    loss = loss_of_8_bits(sealed, text.ids, subject.given.context or sealed.context)
    first = ids[: int(text.ids.offsets[1])][:_START]
    start = "" if subject.given.without_corpus else text_of(sealed.rules, first.tolist()).removesuffix("\n")
    return live_section(live_part(sealed, bits_for(loss), start), loss, name)
