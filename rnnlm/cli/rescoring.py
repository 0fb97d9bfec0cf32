"""`rnnlm rescore`: which of several hypotheses a model finds the best."""

from rnnlm.app.request import Request
from rnnlm.cli.options import MODEL, command
from rnnlm.cli.scoring import FILES


@command(
    "rescore",
    "model",
    arguments={"path": (MODEL, ...), "files": (FILES, None)},
    examples=(
        "rnnlm rescore work nbest.txt --format kaldi --costs ac.txt",
        "rnnlm rescore work lists/*.nbest --format srilm --tune --references ref.txt",
    ),
)
def rescore(request: Request) -> None:
    """Rerank n-best lists by a model's log probabilities and the lists' own scores; find the weights of both."""
    from rnnlm.cli.rescore_run import rescore_lists

    rescore_lists(request)
