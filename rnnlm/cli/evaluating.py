"""`rnnlm evaluate`: how well a model predicts a text."""

from rnnlm.cli.options import MODEL, Invocation, command


@command("evaluate", "model", arguments={"path": (MODEL, ...)})
def evaluate(invocation: Invocation) -> None:
    """Perplexity and its relatives on a split or a text file."""
    import tempfile
    from pathlib import Path

    from rnnlm.cli.evaluate_text import choose_text, show_evaluation
    from rnnlm.cli.models import find_model
    from rnnlm.cli.stages import terminal
    from rnnlm.corpus.text import encode_text
    from rnnlm.model.device import choose_device, set_threads
    from rnnlm.model.loading import load_network
    from rnnlm.use.best_possible import best_possible_perplexity
    from rnnlm.use.evaluate import evaluate as evaluate_text

    screen = terminal(invocation)
    given = invocation.settings("evaluate").settings
    found = find_model(invocation)
    set_threads(invocation.run.threads)
    chosen = choose_text(found, given)
    context = given.context or found.model.context
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        text = encode_text(chosen.blocks, found.model.rules, Path(directory))
        network = load_network(found.model, choose_device(invocation.run.device))
        evaluation = evaluate_text(network, text, context, given.batch_size)
    report = {
        **evaluation.report(),
        "context": context,
        "split": chosen.split,
        "model_sha256": found.model.model_sha256,
    }
    if chosen.path is not None and not text.unknown_tokens:
        best = best_possible_perplexity(chosen.corpus_sha256, chosen.path, found.model.rules, context)
        report |= {"best_possible_perplexity": best} if best is not None else {}
    show_evaluation(screen, report, f"{found.model.name} on {chosen.name}")
