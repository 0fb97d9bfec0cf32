"""`rnnlm evaluate`: how well a model predicts a text, labels it, or forecasts a series."""

from rnnlm.cli.options import MODEL, Invocation, command


@command("evaluate", "model", arguments={"path": (MODEL, ...)})
def evaluate(invocation: Invocation) -> None:
    """Perplexity and its relatives, accuracy and macro-F1, or errors in the data's units, on a split or a file."""
    from rnnlm.cli.evaluate_labels import evaluate_labelled
    from rnnlm.cli.evaluate_series import evaluate_forecast
    from rnnlm.cli.evaluate_text import evaluate_language
    from rnnlm.cli.models import find_model, language_model_of, network_of

    found = find_model(invocation)
    if found.model.task == "language":
        evaluate_language(invocation, found, language_model_of(invocation, found))
    else:
        evaluate_other = evaluate_forecast if found.model.task == "forecast" else evaluate_labelled
        evaluate_other(invocation, found, network_of(invocation, found))
