"""`rnnlm evaluate`: how well a model predicts a text."""

from rnnlm.cli.options import MODEL, Invocation, command


@command("evaluate", "model", arguments={"path": (MODEL, ...)})
def evaluate(invocation: Invocation) -> None:
    """Perplexity and its relatives on a split or a text file."""
    import math
    import tempfile
    from collections.abc import Iterator
    from pathlib import Path

    from rnnlm.builtin.stories import STORIES_SHA256, cross_entropy
    from rnnlm.cli.models import find_model
    from rnnlm.cli.stages import terminal
    from rnnlm.cli.terminal import count, percent, table
    from rnnlm.corpus.normalizer import CleanRule
    from rnnlm.corpus.settings import CleanSettings
    from rnnlm.corpus.sources import find_corpus, line_blocks, read_blocks
    from rnnlm.corpus.text import encode_text
    from rnnlm.errors import InputError, UsageError
    from rnnlm.model.device import choose_device, set_threads
    from rnnlm.use.evaluate import evaluate as evaluate_text

    screen = terminal(invocation)
    given = invocation.settings("evaluate").settings
    if given.text is not None and given.split is not None:
        raise UsageError("--text with --split", "give one of them")
    found = find_model(invocation)
    set_threads(invocation.run.threads)
    split: str | None = None
    blocks: Iterator[bytes]
    if given.text is not None:
        blocks = (block for name in find_corpus([given.text]).stream for block in read_blocks(name, "text"))
    elif found.workspace is None:
        raise UsageError(f"{found.model.path} is a model without a workspace", "name a text with --text FILE")
    else:
        found.workspace.verified("raw")
        raw = found.workspace.directory("raw")
        split = given.split or ("test" if (raw / "test.txt").stat().st_size else "valid")
        if not (raw / f"{split}.txt").stat().st_size:
            raise InputError(f"the {split} split of {found.workspace.path} is empty", "name another with --split")
        blocks = line_blocks(raw / f"{split}.txt")
    context = given.context or found.model.context
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        text = encode_text(blocks, found.model.rules, Path(directory))
        network = found.model.network(choose_device(invocation.run.device))
        evaluation = evaluate_text(network, text, context, given.batch_size)
    report = {**evaluation.report(), "context": context, "split": split, "model_sha256": found.model.model_sha256}
    plain = CleanRule.of(CleanSettings(), "word")
    builtin = (
        split is not None
        and found.workspace is not None
        and context == "stream"
        and found.model.rules.kind == "word"
        and found.model.rules.rule == plain
        and not found.model.rules.units.sentences
    )
    manifest = found.workspace.manifest("raw") if found.workspace and builtin else None
    if manifest is not None and manifest.settings.get("corpus_sha256") == STORIES_SHA256:
        with (raw / f"{split}.txt").open(encoding="utf-8", newline="\n") as lines:
            nats, tokens = cross_entropy(line.rstrip("\n") for line in lines)
        report["best_possible_perplexity"] = math.exp(nats / tokens)
    view = table("perplexity", "nats/token", "bits/token", "bits/character", "bits/byte", "predictions", "unknown")
    view.add_row(
        f"{report['perplexity']:.2f}",
        f"{report['nats_per_token']:.4f}",
        f"{report['bits_per_token']:.4f}",
        f"{report['bits_per_character']:.4f}",
        f"{report['bits_per_byte']:.4f}",
        count(report["tokens"]),
        percent(report["unknown_tokens"], report["tokens"]),
    )
    where = given.text or f"{split} split"
    lines_shown = [f"{found.model.name} on {where}, context {context}, </s> of each line predicted and <unk> scored"]
    if "best_possible_perplexity" in report:
        best = report["best_possible_perplexity"]
        lines_shown.append(
            f"best possible perplexity {best:.2f}; the model is {report['perplexity'] / best - 1:.1%} above it"
        )
    if report["unknown_tokens"] and report["perplexity_excluding_unknown"]:
        lines_shown.append(
            f"without unknown words: perplexity {report['perplexity_excluding_unknown']:.2f}; "
            f"{report['out_of_vocabulary_tokens']:,} words are outside the vocabulary"
        )
    screen.result(report, view, *lines_shown)
