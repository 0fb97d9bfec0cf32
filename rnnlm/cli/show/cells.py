"""`rnnlm cells`: the library of cells, or one cell with its equations, weights, gates and costs."""

from pathlib import Path

from rnnlm.app.request import Request
from rnnlm.cli.terminal import terminal
from rnnlm.errors import UsageError
from rnnlm.model.cells.library import find_cell, shipped
from rnnlm.screen import Grid, count
from rnnlm.use.cells import SIZE, report_of_cell
from rnnlm.use.settings import CellsSettings
from rnnlm.views.graphs import cell_graph, draw_graph


def cells(request: Request) -> None:
    """List the library, or show one cell; with --plot draw it."""
    screen = terminal(request)
    name, given = request.arguments["cell"], request.settings(CellsSettings).settings
    if name is None:
        if given != CellsSettings():
            raise UsageError("--equation, --latex or --plot without a cell", "name one: rnnlm cells lstm")
        reports = [report_of_cell(cell) for cell in shipped().values()]
        grid = Grid("cell", "what", "weights", "operations", "perplexity", left=True, prose=True)
        for report in reports:
            numbers = (count(report[key]) for key in ("parameters", "operations_per_token", "perplexity"))
            grid.add_row(report["name"], report["title"], *numbers)
        costs = f"weights, and operations a token, of a layer of {SIZE} inputs and units; rnnlm cells NAME shows one"
        reached = "perplexity: Penn Treebank, validation, after two minutes of training on one core (docs/cells.md)"
        screen.result({"cells": reports}, grid, costs, reached)
        return
    cell = find_cell(name, given.equation)
    report = report_of_cell(cell)
    if given.plot is not None:
        draw_graph(Path(given.plot), cell_graph(cell.form), cell.title or cell.name)
        report["plot"] = given.plot
    if given.latex:
        screen.result(report, report["latex"])
        return
    grid = Grid("weight", "size", "blocks", left=True)
    for letter, weight in report["weights"].items():
        grid.add_row(letter, weight["size"], " ".join(weight["blocks"]))
    gates = [gate["name"] + " (keeps a state)" * gate["keeps"] for gate in report["gates"]]
    runs = [f"{stage['kind']}: {' '.join(stage['names'])}" for stage in report["stages"]]
    facts = [
        f"state: {', '.join(f'{part}(t-1)' if '(' not in part else part for part in report['state'])}",
        f"gates: {', '.join(gates) or 'none'}",
        f"runs as: {'; '.join(runs)}" + (f"; torch's kernel {report['kernel']}" if report["kernel"] else ""),
        f"{count(report['parameters'])} weights, {count(report['operations_per_token'])} operations a token, "
        f"of a layer of {SIZE} inputs and units",
    ]
    screen.result(report, cell.text.strip(), grid, *facts)
