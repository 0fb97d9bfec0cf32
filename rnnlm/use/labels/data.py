"""The labeled text that a model is measured on: a workspace's split or a file, as ids by the model's rules."""

from dataclasses import dataclass
from pathlib import Path

from rnnlm.artifacts import sha256_file
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.labels.labelled import LabelledText, encode_labelled, encode_split
from rnnlm.corpus.labels.raw import labels_file
from rnnlm.corpus.settings import FIELD, LABEL, check_columns
from rnnlm.errors import UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.use.texts import choose_split, workspace_of


@dataclass(frozen=True)
class ChosenLabels:
    """A labeled text, its name, its `split` if it is one; not `same_split` where the model was trained on another."""

    data: LabelledText
    name: str
    split: str | None
    digests: dict[str, str]
    same_split: bool = True


def choose_labelled(
    found: FoundModel,
    split: str | None,
    text: str | None,
    directory: Path,
    *,
    field: str = FIELD,
    label: str = LABEL,
    decoding: Decoding | None = None,
) -> ChosenLabels:
    """The labeled file `text`, or a split of the model's workspace; its ids are kept in `directory`.

    Raises UsageError for a model without a workspace, or a workspace without such labels.
    """
    model = found.model
    per_token = model.task == "tag"
    if text is not None:
        check_columns(field, label, tags=per_token)
        data = encode_labelled(
            text, model.rules, model.labels, per_token, directory, field=field, label=label, decoding=decoding
        )
        return ChosenLabels(data, text, None, _digests(directory, "all"))
    workspace = workspace_of(found, "a labeled file with --text FILE")
    manifest = workspace.verified("raw")
    if manifest.settings.get("labels") != ("token" if per_token else "text"):
        raise UsageError(f"{workspace.path} has no such labels", "name a labeled file with --text FILE")
    chosen, _ = choose_split(workspace, split)
    with workspace.opening("raw") as raw:
        data = encode_split(raw, chosen, model.rules, model.labels, per_token=per_token, directory=directory)
        digests = _digests(raw, chosen)
    same = manifest.identity == model.config.get("data", {}).get("raw")
    return ChosenLabels(data, f"{chosen} split", chosen, digests, same)


def _digests(raw: Path, name: str) -> dict[str, str]:
    return {"raw_sha256": sha256_file(raw / f"{name}.txt"), "labels_sha256": sha256_file(labels_file(raw, name))}
