"""`rnnlm evaluate`: how well a model predicts a text, labels it, or forecasts a series."""

from rnnlm.cli.options import MODEL, Invocation, command


@command("evaluate", "model", arguments={"path": (MODEL, ...)})
def evaluate(invocation: Invocation) -> None:
    """Perplexity and its relatives, accuracy and macro-F1, or errors in the data's units, on a split or a file."""
    from rnnlm.cli.evaluate_labels import evaluate_labelled
    from rnnlm.cli.evaluate_series import evaluate_forecast
    from rnnlm.cli.evaluate_text import evaluate_language
    from rnnlm.cli.models import find_model, open_language_model, open_model

    task = find_model(invocation).model.task
    if task == "language":
        evaluate_language(invocation, *open_language_model(invocation))
    else:
        (evaluate_forecast if task == "forecast" else evaluate_labelled)(invocation, *open_model(invocation))
