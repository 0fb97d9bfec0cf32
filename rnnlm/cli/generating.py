"""`rnnlm generate` and `rnnlm next`: what a model says."""

from rnnlm.cli.options import MODEL, Invocation, command


@command("generate", "model", arguments={"path": (MODEL, ...)})
def generate(invocation: Invocation) -> None:
    """Text drawn from the model or searched for, after a prompt; or line by line together with a person."""
    from rnnlm.cli.generate_run import generate_texts, talk
    from rnnlm.cli.models import open_language_model

    given = invocation.settings("generate").settings
    found, network = open_language_model(invocation)
    if given.interactive:
        talk(invocation, found, network)
    else:
        generate_texts(invocation, found, network)


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
