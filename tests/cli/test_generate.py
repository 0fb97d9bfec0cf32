"""`rnnlm generate` as it is used: many prompts, JSON, novelty, dialogue, and input that cannot be meant."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from rnnlm.use.generation.chat import Turn
from rnnlm.use.generation.next import Candidate
from rnnlm.use.generation.settings import GenerateSettings


def lines(out: str) -> list[dict[str, Any]]:
    """JSON Lines."""
    return [json.loads(line) for line in out.splitlines()]


def test_prompts_from_a_file_give_what_each_gives_alone(run: Any, trained: Path, tmp_path: Path) -> None:
    prompts = ["the old", "", "The CAT!", "the unheard of cat"]
    path = tmp_path / "prompts.txt"
    path.write_text("\r\n".join(prompts) + "\r\n", "utf-8")
    flags = ("generate", trained, "-n", 2, "--seed", 4)
    found = lines(run(*flags, "--prompt-file", path, "--json").ok().out)
    assert [each["prompt"] for each in found] == [prompt for prompt in prompts for _ in range(2)]
    assert found[6]["unknown_prompt_words"] == ["unheard", "of"]
    for number, prompt in enumerate(prompts):
        alone = lines(run(*flags, "--prompt", prompt, "--json").ok().out)
        for mine, other in zip(found[2 * number : 2 * number + 2], alone, strict=True):
            assert mine["text"] == other["text"]
            assert mine["nats"] == pytest.approx(other["nats"], abs=1e-5)
    piped = run(*flags, "--prompt-file", "-", "--json", stdin=path.read_bytes()).ok()
    assert [each["text"] for each in lines(piped.out)] == [each["text"] for each in found]
    plain = run(*flags, "--prompt-file", path).ok().out
    assert plain.splitlines()[1] == f"the old {found[1]['text']}"
    assert len(plain.splitlines()) == 8
    longer = run(*flags, "--prompt-file", path, "--lines", 2).ok().out
    assert len(longer.rstrip("\n").split("\n\n")) == 8


def test_each_token_has_its_log_probability(run: Any, trained: Path) -> None:
    found = run("generate", trained, "--prompt", "the", "--temperature", 0.5, "--json").ok().json
    said = found["log_probabilities"]
    assert len(said) == found["tokens"]
    assert -sum(each["log_probability"] for each in said) == pytest.approx(found["nats"])
    assert all(each["log_probability"] <= 0 for each in said)
    assert [each["token"] for each in said] == [*found["text"].split(), "</s>"]
    # The first is what `next` says of it.
    words = run("next", trained, "--prompt", "the ", "-k", 10**6, "--json").ok().json["next"]
    p = {each["token"]: each["probability"] for each in words}
    assert said[0]["log_probability"] == pytest.approx(math.log(p[said[0]["token"]]), abs=1e-5)


def test_shapes_reach_the_draws(run: Any, trained: Path) -> None:
    greedy = run("generate", trained, "--temperature", 0).ok().out
    for flags in (["--min-p", 1], ["--top-k", 1], ["--top-p", 0]):
        assert run("generate", trained, *flags).ok().out == greedy
    assert run("generate", trained, "--typical", 0.2, "-n", 8).ok().out != run("generate", trained, "-n", 8).ok().out
    free = run("generate", trained, "--temperature", 0, "--lines", 6).ok().out.split()
    held = run("generate", trained, "--temperature", 0, "--lines", 6, "--repetition-penalty", 50).ok().out.split()
    assert len(set(held)) / len(held) > len(set(free)) / len(free)
    assert run("generate", trained, "--top-k", 10**9).ok().out == run("generate", trained).ok().out


def test_until(run: Any, trained: Path) -> None:
    found = run("generate", trained, "--until", "cat", "--json", "--max-tokens", 500).ok().json
    assert found["text"].endswith("cat")
    assert found["text"].count("cat") == 1
    assert run("generate", trained, "--until", "cat", "--max-tokens", 500).ok().out == found["text"] + "\n"


def test_what_is_copied_stands_in_the_training_text(run: Any, trained: Path, tmp_path: Path) -> None:
    train = " ".join((trained / "clean" / "train.txt").read_text("utf-8").replace("\n", " </s> ").split())
    flags = ("generate", trained, "-n", 5, "--lines", 3, "--novelty")
    found = lines(run(*flags, "--json", "--batch-size", 2).ok().out)
    for each in found:
        words = " ".join(said["token"] for said in each["log_probabilities"])
        copied, length = each["novelty"]["copied_text"], each["novelty"]["longest_copied_tokens"]
        assert f" {copied} " in f" {train} "
        assert f" {copied} " in f" {words} "
        assert len(copied.split()) == length
        pieces = words.split()
        longer = {" ".join(pieces[start : start + length + 1]) for start in range(len(pieces) - length)}
        assert not any(f" {run_} " in f" {train} " for run_ in longer)
    plain = run(*flags).ok()
    for each in found:
        assert f"at most {each['novelty']['longest_copied_tokens']} of {each['tokens']} tokens" in plain.out
    assert plain.err == ""
    # A model alone has no training text; a workspace that was rebuilt is read by the model's own rules.
    alone = run("generate", trained / "models" / "lstm", "--novelty", "--json").ok()
    assert alone.json["novelty"] is None
    assert "no training text" in alone.err
    work = tmp_path / "work"
    shutil.copytree(trained, work)
    run("vocab", work, "--min-count", 4).ok()
    rebuilt = run("generate", work, *flags[2:], "--json").ok()
    assert [each["novelty"] for each in lines(rebuilt.out)] == [each["novelty"] for each in found]
    assert "has changed" in rebuilt.err


def test_texts_that_differ_and_copy_little(run: Any, trained: Path, tmp_path: Path) -> None:
    flags = ("generate", trained, "-n", 12, "--top-k", 2, "--max-tokens", 3, "--json")
    usual = lines(run(*flags).ok().out)
    assert len({each["text"] for each in usual}) < 12
    found = run(*flags, "--unique").ok()
    texts = [each["text"] for each in lines(found.out)]
    assert len(set(texts)) == len(texts)
    assert texts[0] == usual[0]["text"]
    words = found.err.split()
    assert words[:2] == ["generate:", str(len(texts))]
    assert "of 12 texts in" in found.err and "repeated" in found.err
    assert len(texts) == 12 or "in 240 draws" in found.err

    original = run("generate", trained, "-n", 4, "--max-copied", 3, "--novelty", "--json").ok()
    assert 0 < len(lines(original.out)) <= 4
    assert all(each["novelty"]["longest_copied_tokens"] <= 3 for each in lines(original.out))
    assert "with more than 3 tokens from training in a row" in original.err
    shown = run("generate", trained, "-n", 4, "--max-copied", 3).ok().out.splitlines()
    assert shown == [each["text"] for each in lines(original.out)]
    model = shutil.copytree(trained / "models" / "lstm", tmp_path / "alone")
    run("generate", model, "--max-copied", 3, "--quiet").refused(3, "--max-copied without the training text")
    run("generate", trained, "--beam", 3, "--unique").refused(2, "--unique or --max-copied with --beam")


def test_a_dialogue_has_commands(run: Any, trained: Path) -> None:
    typed = (
        b"the old\n:again\n:temperature 0\n:again\n:undo\n:undo\n:help\n:sing\n:temperature x\n:temperature -1\n::a\n"
    )
    done = run("chat", trained, "--json", stdin=typed).ok()
    turns = lines(done.out)
    assert [each["text"] for each in turns] == ["the old"] * 4 + ["", ":a"]
    assert turns[0]["continuation"] != turns[1]["continuation"]
    assert turns[2]["continuation"] == turns[3]["continuation"]
    notices = done.err.splitlines()
    assert notices[0] == "there is nothing to take back"
    assert notices[1].startswith(":again another continuation")
    assert notices[-3:] == [
        "there is no :sing; :help lists what there is", "'x' is not a number: :temperature 0.8",
        "a temperature is 0 or more; it is 1 now",
    ]  # fmt: skip
    shown = run("chat", trained, stdin=b"the unheard cat\n").ok()
    assert shown.err.splitlines() == ["not in the vocabulary, read as <unk>: unheard"]


def test_a_turn_is_wrapped_at_words() -> None:
    turn = Turn("one two three", " four five\n", [Candidate("six", 0.5)])
    assert turn.shown() == "one two three| four five\nnext: six 0.500\n"
    assert turn.shown(12) == "one two\nthree| four\nfive\nnext: six\n0.500\n"


def test_a_dialogue_through_a_pipe(run: Any, trained: Path) -> None:
    typed = b"the old\n\nthe c\n"
    turns = lines(run("chat", trained, "--json", stdin=typed).ok().out)
    first, second, third = turns
    assert first["text"] == "the old"
    assert second["text"] == first["text"] + first["continuation"]
    assert second["text"].endswith("\n")
    assert third["text"] == second["text"] + "the c"
    # The last word is taken as half typed, as `next` does, and completed by the likeliest.
    completions = run("next", trained, "--prompt", third["text"], "-k", 5, "--json").ok().json["next"]
    assert third["next"] == completions
    assert f"c{third['continuation']}".startswith(completions[0]["token"])
    shown = run("chat", trained, stdin=typed).ok()
    out = shown.out.splitlines()
    assert out[0] == "the old|" + first["continuation"].removesuffix("\n")
    assert out[1].split() == ["next:", *(f"{p}" for each in first["next"]
                              for p in (each["token"], f"{each['probability']:.3f}"))]  # fmt: skip
    assert len(out) == 6
    assert shown.err == ""
    assert run("chat", trained, stdin=b"").ok().out == ""
    begun = lines(run("chat", trained, "--json", "--prompt", "the", stdin=b"old\n").ok().out)
    assert begun[0]["text"] == "the old"


def test_bad_input(run: Any, trained: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    broken = tmp_path / "broken.txt"
    broken.write_bytes(b"the\n\xff\xfe\n")
    generate = ("generate", trained)
    run(*generate, "--prompt-file", empty).refused(3, "holds no prompt")
    run(*generate, "--prompt-file", tmp_path).refused(3, "--prompt-file")
    run(*generate, "--prompt-file", tmp_path / "none.txt").refused(3, "none.txt")
    run(*generate, "--prompt-file", broken).refused(3, "broken.txt")
    run(*generate, "--prompt-file", empty, "--prompt", "a").refused(2, "--prompt with --prompt-file")
    run("chat", trained, stdin=b"\xff\xfe\n").refused(2, "not valid Unicode")
    for flag, value in (("--temperature", -0.5), ("--min-p", 1.5), ("--typical", -1), ("--repetition-penalty", 0),
                        ("--beam", 0), ("--until", ""), ("--top-k", 0), ("--length-penalty", -1)):  # fmt: skip
        run(*generate, flag, value).refused(2, flag)
    for flags in (["--beam", 2], ["-n", 2], ["--novelty"], ["--prompt-file", empty]):
        run("chat", trained, *flags).refused(2, flags[0])
    run(*generate, "--interactive").refused(2, "--interactive", "rnnlm chat")


def test_prompts_that_the_model_knows_nothing_of(run: Any, trained: Path) -> None:
    unknown = run("generate", trained, "--prompt", "Qwerty zzz the", "--json").ok()
    assert unknown.json["unknown_prompt_words"] == ["Qwerty", "zzz"]
    assert "read as <unk>: Qwerty, zzz" in unknown.err
    assert run("generate", trained, "--prompt", "Qwerty zzz the").ok().out.startswith("<unk> <unk> the ")
    nothing = run("generate", trained, "--prompt", "", "--json").ok()
    assert nothing.json["text"] == run("generate", trained, "--json").ok().json["text"]
    assert (nothing.err, nothing.json["unknown_prompt_words"]) == ("", [])
    written = run("generate", trained, "--prompt", "the <unk>", "--json").ok()
    assert "<unk>" not in written.json["unknown_prompt_words"]


def test_every_setting_that_draws_is_refused_beside_a_search() -> None:
    """A new way to shape draws has to be named in the check."""
    shaping = {"temperature", "top_k", "top_p", "min_p", "typical", "repetition_penalty"}
    others = {"prompt", "prompt_file", "max_tokens", "beam", "length_penalty", "n", "lines", "until", "unknown",
              "novelty", "seed", "batch_size", "unique", "max_copied", "midi"}  # fmt: skip
    assert set(GenerateSettings.__dataclass_fields__) == shaping | others
