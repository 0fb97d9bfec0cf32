"""`rnnlm evaluate`: how well a model predicts a text, labels it, or forecasts a series."""

from rnnlm.app.request import Request
from rnnlm.cli.options import MODEL, command


@command(
    "evaluate",
    "model",
    arguments={"path": (MODEL, ...)},
    examples=("rnnlm evaluate work", "rnnlm evaluate work --model gru --text test.txt"),
)
def evaluate(request: Request) -> None:
    """Perplexity and its relatives, accuracy and macro-F1, or errors in the data's units, on a split or a file."""
    from rnnlm.app.models import find_model, language_model_of, network_of
    from rnnlm.cli.evaluate_labels import evaluate_labelled
    from rnnlm.cli.evaluate_series import evaluate_forecast
    from rnnlm.cli.evaluate_text import evaluate_language

    found = find_model(request)
    if found.model.task == "language":
        evaluate_language(request, found, language_model_of(request, found))
    else:
        evaluate_other = evaluate_forecast if found.model.task == "forecast" else evaluate_labelled
        evaluate_other(request, found, network_of(request, found))
