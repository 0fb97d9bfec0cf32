"""An exported model as other programs open it, without any network."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
Export = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Code and data sets that the programs keep, in a folder of this run."""
    home = str(tmp_path_factory.mktemp("huggingface"))
    os.environ |= {"HF_HOME": home, "HF_MODULES_CACHE": f"{home}/modules", "HF_DATASETS_CACHE": f"{home}/datasets"}


@pytest.fixture
def export(run: Any, tmp_path: Path) -> Export:
    """`export(model)`: the directory that `rnnlm export --to transformers` writes, each under another name."""

    def exported(model: Path, *flags: object) -> Path:
        out = tmp_path / f"exported_{len(list(tmp_path.glob('exported_*')))}_{tmp_path.name}"
        run("export", model, "--to", "transformers", "--out", out, "--quiet", *flags).ok()
        return out

    return exported


def opened(directory: Path) -> tuple[Any, Any]:
    """Its tokenizer and its model."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=True)
    return tokenizer, AutoModelForCausalLM.from_pretrained(directory, trust_remote_code=True).eval()


def costs(tokenizer: Any, model: Any, text: str) -> tuple[list[int], np.ndarray[Any, np.dtype[np.float64]]]:
    """The ids of a text after its start, and the nats of each."""
    import torch

    read = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        log_p = model(**read).logits[0, :-1].double().log_softmax(-1)
    ids = read.input_ids[0, 1:]
    return ids.tolist(), -log_p.gather(1, ids[:, None]).squeeze(1).numpy()
