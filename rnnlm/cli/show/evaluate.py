"""`rnnlm evaluate`: a model on a split or a file, by its task."""

from rnnlm.app.models import find_model, language_model_of, network_of
from rnnlm.app.request import Request
from rnnlm.cli.show.evaluate_forecast import evaluate_forecast
from rnnlm.cli.show.evaluate_labels import evaluate_labelled
from rnnlm.cli.show.evaluate_text import evaluate_language


def evaluate(request: Request) -> None:
    """Evaluate a model on its task."""
    found = find_model(request)
    if found.model.task == "language":
        evaluate_language(request, found, language_model_of(request, found))
    elif found.model.task == "forecast":
        evaluate_forecast(request, found, network_of(request, found))
    else:
        evaluate_labelled(request, found, network_of(request, found))
