"""What the tool never does, seen from outside: runs nothing that it is given, needs no network, and is built the same.

Also that `make audit` says what it checked and never passes for more.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import needs

ROOT = Path(__file__).resolve().parents[2]
SESSION = Path(__file__).with_name("session.py")
GUARD = """
import json, pickle, socket, sys
sys.path.insert(0, sys.argv[1])
import session
session.importing = False
sys.addaudithook(session.hook)
exec("1")
pickle.loads(pickle.dumps(print))
for call in (lambda: socket.getaddrinfo("localhost", 1), lambda: socket.socket().connect(("127.0.0.1", 1))):
    try:
        call()
    except PermissionError:
        pass
print(json.dumps(session.seen))
"""


def cut_off() -> list[str]:
    """What starts a process without a network, where that is permitted; the audit hook refuses one in any case."""
    if shutil.which("unshare") and subprocess.run(["unshare", "-n", "true"], check=False, stderr=-3).returncode == 0:
        return ["unshare", "-n"]
    return []


def test_the_hook_sees_what_it_is_there_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GUARD, str(SESSION.parent)], capture_output=True, text=True, check=True
    )
    assert {"exec", "pickle.find_class", "socket.getaddrinfo", "socket.connect"} <= set(json.loads(done.stdout))


def test_a_whole_session_runs_nothing_it_is_given_and_needs_no_network(tmp_path: Path, corpus: Path) -> None:
    directory = tmp_path / "session"
    directory.mkdir()
    done = subprocess.run(
        [*cut_off(), sys.executable, "-W", "error", str(SESSION), str(directory), str(corpus)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}


def test_two_builds_give_the_same_wheel_and_sources(tmp_path: Path) -> None:
    """Of the same sources, in other directories, with other times and rights, under another clock and hash seed."""
    needs("dev")
    built = []
    for number, (time, rights) in enumerate(((10**9, 0o644), (1.5 * 10**9, 0o664))):
        source = tmp_path / f"source-{number}"
        shutil.copytree(ROOT / "rnnlm", source / "rnnlm", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        for path in source.rglob("*"):
            os.utime(path, (time, time))
            if path.is_file():
                path.chmod(rights)
        environment = {**os.environ, "PYTHONHASHSEED": str(number), "TZ": f"UTC+{number}"}
        environment.pop("SOURCE_DATE_EPOCH", None)
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path / str(number))],
            cwd=source, env=environment, check=True, capture_output=True,
        )  # fmt: skip
        built.append({path.name: path.read_bytes() for path in (tmp_path / str(number)).iterdir()})
    assert len(built[0]) == 2 and built[0] == built[1]


FAULT = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
WELL = {"name": "b", "version": "1", "vulns": []}
SKIPPED = {"name": "c", "skip_reason": "not found"}
LOCKED = sum(not line.startswith("#") for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines())
ANSWERS = {
    "all well": (json.dumps({"dependencies": [WELL] * LOCKED}), 0, f"{LOCKED} locked versions were checked; none has"),
    "a fault": (json.dumps({"dependencies": [FAULT] + [WELL] * (LOCKED - 1)}), 1, "a 1: CVE-1, mended in 2"),
    "some not known": (json.dumps({"dependencies": [WELL, SKIPPED]}), 2, f"only 1 of {LOCKED} locked versions"),
    "none known": (json.dumps({"dependencies": [SKIPPED] * LOCKED}), 2, "nothing was checked"),
    "no service": ("", 2, "nothing was checked: the advisory service cannot be reached"),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_an_audit_says_what_it_checked(tmp_path: Path, name: str) -> None:
    answer, code, words = ANSWERS[name]
    (tmp_path / "answer").write_text(answer)
    asked = [sys.executable, str(ROOT / ".ci" / "audit.py"), "sh", "-c", f"cat {tmp_path / 'answer'}"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert words in done.stdout


def test_an_audit_without_its_program_checked_nothing(tmp_path: Path) -> None:
    asked = [sys.executable, str(ROOT / ".ci" / "audit.py"), str(tmp_path / "none")]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "nothing was checked" in done.stdout
