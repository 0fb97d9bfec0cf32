"""How training went: loss, validation, rate, gradients and clipping, over tokens and time."""

from rnnlm.report.parts import Picture, Section, Table
from rnnlm.report.pictures import svg
from rnnlm.report.subject import Subject
from rnnlm.training.metrics import read_log
from rnnlm.training.run import read_timing
from rnnlm.views.curves import LOSS_UNITS, draw_training

_TOTALS = {"steps": "updates", "tokens_seen": "tokens or rows read", "epochs": "times through the data",
           "clipped_fraction": "share of updates that were clipped", "left_out_steps": "updates left out",
           "returns_to_good_weights": "returns to earlier weights"}  # fmt: skip


def training(subject: Subject) -> Section | None:
    """The curves and the totals; None for a model without a log."""
    sealed = subject.found.model
    rows, times = read_log(sealed.path)
    if not rows:
        return None
    totals = [(words, f"{sealed.report[key]:,}") for key, words in _TOTALS.items() if key in sealed.report]
    timing = read_timing(sealed.path)
    for key, words in (("seconds", "seconds"), ("tokens_per_second", "tokens per second")):
        if isinstance(value := timing.get(key), int | float):
            totals.append((words, f"{value:,.0f}"))
    read = sealed.report.get("tokens_seen", rows[-1]["tokens"])
    sentence = (
        f"The loss on the training data, in {LOSS_UNITS[sealed.task]}, and the metric on the validation data while "
        f"{read:,} steps of sequences were read; the weights kept are those with the best validation. Where the loss "
        "still falls and validation does not, the network memorizes its data."
    )
    caption = (
        "Loss and validation, learning rate, and the norm of the gradient with the share of steps that were clipped"
    )
    title = f"training of {subject.name}"
    drawn = svg(lambda path: draw_training(path, rows, times, sealed.task, title), "training")
    table = Table("Totals", ("what", "value"), totals)
    return Section("training", "How it was trained", sentence, [Picture(drawn, caption), table])
