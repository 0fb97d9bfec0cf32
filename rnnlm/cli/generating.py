"""`rnnlm generate` and `rnnlm next`: what a model says."""

from rnnlm.app.request import Request
from rnnlm.cli.options import MODEL, command
from rnnlm.use.settings import GenerateSettings, NextSettings


@command(
    "generate",
    "model",
    arguments={"path": (MODEL, ...)},
    examples=('rnnlm generate work --prompt "the cat" -n 3', 'rnnlm generate work --beam 8 --prompt "the cat"'),
)
def generate(request: Request) -> None:
    """Text drawn from the model or searched for, after a prompt; or line by line together with a person."""
    from rnnlm.app.models import open_language_model
    from rnnlm.cli.generate_run import generate_texts, talk

    given = request.settings(GenerateSettings).settings
    found, network = open_language_model(request)
    if given.interactive:
        talk(request, found, network)
    else:
        generate_texts(request, found, network)


@command(
    "next",
    "model",
    arguments={"path": (MODEL, ...)},
    examples=('rnnlm next work --prompt "the ca"', 'rnnlm next work --prompt "the " -k 20 --json'),
)
def next_(request: Request) -> None:
    """The most likely next words, completing a half-typed one."""
    import dataclasses

    from rnnlm.app.models import open_language_model
    from rnnlm.cli.terminal import table, terminal
    from rnnlm.use.generation.next import next_words

    given = request.settings(NextSettings).settings
    found, network = open_language_model(request)
    words = next_words(network, found.model.rules, given.prompt, given.k)
    view = table("next", "probability")
    for word in words:
        view.add_row(word.token, f"{word.probability:.4f}")
    terminal(request).result({"next": [dataclasses.asdict(word) for word in words]}, view)
