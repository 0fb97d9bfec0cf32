"""`rnnlm recipes`: settings under a name, and the figures that they are known to reach."""

from rnnlm.app.request import Request
from rnnlm.cli.options import command


@command(arguments={}, examples=("rnnlm recipes", "rnnlm train ptb/ --prepared --recipe zaremba-small"))
def recipes(request: Request) -> None:
    """List the recipes that rnnlm train --recipe takes, each with its figure and where that is from."""
    from dataclasses import asdict

    from rnnlm.builtin.recipes import read_recipe, recipe_names
    from rnnlm.cli.terminal import table, terminal

    found = [read_recipe(name) for name in recipe_names()]
    view = table("recipe", "what", "reaches", "source", "run here")
    for recipe in found:
        view.add_row(recipe.name, recipe.what, recipe.expects or "-", recipe.source, recipe.checked)
    for column in view.columns[1:]:
        column.justify = "left"
    terminal(request).result({"recipes": [asdict(recipe) for recipe in found]}, view)
