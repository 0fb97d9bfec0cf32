"""lm-evaluation-harness says of minimal pairs and of a text what `rnnlm pairs` and `rnnlm score` say."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import sentences
from opened import Export

pytest_plugins = ("opened",)


@pytest.fixture
def evaluated(export: Export, trained: Path) -> Any:
    """`evaluated(task, folder)`: the results of a task that a folder describes."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    def found(task: str, folder: Path, **more: Any) -> Any:
        manager = TaskManager(include_path=str(folder), include_defaults=False)
        arguments = {"pretrained": str(export(trained)), "trust_remote_code": True, **more.pop("model_args", {})}
        return simple_evaluate(
            model="hf", model_args=arguments, tasks=[task], task_manager=manager, device="cpu", batch_size=8,
            bootstrap_iters=0, log_samples=True, **more,
        )  # fmt: skip

    return found


def task(folder: Path, name: str, rows: list[dict[str, Any]], **described: Any) -> None:
    """A task over rows in a file of its own."""
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    whole = {
        "task": name, "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test", "target_delimiter": "", "metadata": {"version": 1}, **described,
    }  # fmt: skip
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(whole), "utf-8")


def test_minimal_pairs_have_the_same_accuracy(run: Any, evaluated: Any, trained: Path, tmp_path: Path) -> None:
    lines = filter(None, sentences(120, seed=11))
    pairs = [(line, " ".join(reversed(line.split()))) for line in lines]
    rows = [{"good": good, "bad": bad} for good, bad in pairs if good != bad]
    task(
        tmp_path, "pairs", rows, output_type="multiple_choice", doc_to_text="", doc_to_target=0,
        doc_to_choice=r"""{{[good + "\n", bad + "\n"]}}""", metric_list=[{"metric": "acc"}],
    )  # fmt: skip
    table = tmp_path / "pairs.tsv"
    table.write_text("".join(f"{row['good']}\t{row['bad']}\n" for row in rows), "utf-8")
    own = run("pairs", trained, table, "--level", "line", "--format", "jsonl").ok()
    bits = [json.loads(line) for line in own.out.splitlines()]
    told = evaluated("pairs", tmp_path)
    right = sum(row["correct"] for row in bits)
    assert right > 0 and told["results"]["pairs"]["acc,none"] == pytest.approx(right / len(rows))
    for sample, row in zip(told["samples"]["pairs"], bits, strict=True):
        found = [-float(log_p) / math.log(2) for ((log_p, _),) in sample["resps"]]
        assert found == pytest.approx([row["good_bits"], row["bad_bits"]], abs=1e-4)


def test_a_document_costs_the_same(run: Any, evaluated: Any, trained: Path, tmp_path: Path) -> None:
    text = "".join(f"{line}\n" for line in filter(None, sentences(40, seed=12)))
    task(
        tmp_path, "document", [{"text": text}], output_type="loglikelihood_rolling", doc_to_text="",
        doc_to_target="{{text}}", metric_list=[{"metric": "bits_per_byte"}],
    )  # fmt: skip
    file = tmp_path / "text.txt"
    file.write_text(text, "utf-8")
    own = run("evaluate", trained, "--text", file, "--json").ok().json
    told = evaluated("document", tmp_path, model_args={"add_bos_token": False})["samples"]["document"][0]["resps"][0][0]
    told = told[0] if isinstance(told, list | tuple) else told
    assert -float(told) == pytest.approx(own["nats_per_token"] * own["tokens"], rel=1e-6)


def test_batches_of_prompts_generate_what_the_model_does(evaluated: Any, trained: Path, tmp_path: Path) -> None:
    prompts = [{"text": text} for text in ("the", "the old cat sees", "a")]
    task(
        tmp_path, "continued", prompts, output_type="generate_until", doc_to_text="{{text}}", doc_to_target="",
        generation_kwargs={"until": ["\n"], "max_gen_toks": 12, "do_sample": False},
        metric_list=[{"metric": "exact_match"}],
    )  # fmt: skip
    import rnnlm

    told = evaluated("continued", tmp_path)["samples"]["continued"]
    model = rnnlm.load(trained)
    for sample in told:
        own = model.generate(sample["doc"]["text"], max_tokens=12, temperature=0)
        assert sample["resps"][0][0].strip() == own.text.strip()
