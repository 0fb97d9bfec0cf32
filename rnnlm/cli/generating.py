"""`rnnlm generate` and `rnnlm next`: what a model says."""

from rnnlm.cli.options import MODEL, Invocation, command


@command("generate", "model", arguments={"path": (MODEL, ...)})
def generate(invocation: Invocation) -> None:
    """Text drawn from the model, after a prompt."""
    import dataclasses
    import json
    import sys

    from rnnlm.cli.models import open_language_model
    from rnnlm.use.generate import generate as generate_texts

    given = invocation.settings("generate").settings
    found, network = open_language_model(invocation)

    def say(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    quietly = invocation.run.json
    for number, text in enumerate(
        generate_texts(network, found.model.rules, given, (lambda text: None) if quietly else say)
    ):
        if quietly:
            say(json.dumps(dataclasses.asdict(text), ensure_ascii=False) + "\n")
        elif number + 1 < given.n:
            say("\n")


@command("next", "model", arguments={"path": (MODEL, ...)})
def next_(invocation: Invocation) -> None:
    """The most likely next words, completing a half-typed one."""
    import dataclasses

    from rnnlm.cli.models import open_language_model
    from rnnlm.cli.stages import terminal
    from rnnlm.cli.terminal import table
    from rnnlm.use.next import next_words

    given = invocation.settings("next").settings
    found, network = open_language_model(invocation)
    words = next_words(network, found.model.rules, given.prompt, given.k)
    view = table("next", "probability")
    for word in words:
        view.add_row(word.token, f"{word.probability:.4f}")
    terminal(invocation).result({"next": [dataclasses.asdict(word) for word in words]}, view)
