"""How `rnnlm train --plan` looks."""

from rnnlm.app.train.describe import Run
from rnnlm.app.train.plan import plan_of
from rnnlm.cli.terminal import Terminal, table


def show_plan(screen: Terminal, run: Run, device: str) -> None:
    """What a run would be, a line for each size and setting, then the reasons of a budget."""
    report = plan_of(run, device)
    view = table("what", "planned")
    for name, value in report.items():
        if name != "reasons":
            shown = f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
            view.add_row(name.replace("_", " "), shown)
    screen.result(report, view, *report["reasons"])
