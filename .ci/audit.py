"""Asks pip-audit whether the locked versions have known faults, and says plainly what was checked.

Exit code 0: every version was looked up, and none has a known fault. 1: some have, and are listed. 2: nothing, or not
everything, was checked, which is said; so no success can be read into it. Its one argument is what runs pip-audit.
"""

import json
import subprocess
import sys
from pathlib import Path

LOCKED = Path(__file__).resolve().parents[1] / "constraints.txt"


def audit(command: list[str]) -> tuple[int, list[str]]:
    """The exit code, and what to say."""
    asked = [*command, "--requirement", str(LOCKED), "--no-deps", "--disable-pip", "--format", "json"]
    try:
        done = subprocess.run(
            [*asked, "--progress-spinner", "off"], capture_output=True, text=True, check=False, timeout=600
        )
        packages = json.loads(done.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired) as error:
        return 2, [f"nothing was checked: pip-audit does not run here ({error})"]
    except (ValueError, KeyError, TypeError):
        said = done.stderr.strip().splitlines() or ["it says nothing"]
        return 2, [f"nothing was checked: the advisory service cannot be reached ({said[-1][:200]})"]
    locked = [line for line in LOCKED.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    checked = [each for each in packages if "skip_reason" not in each]
    found = [
        f"{each['name']} {each['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'no version'}"
        for each in checked
        for fault in each["vulns"]
    ]
    if found:
        return 1, [*found, f"{len(found)} known faults in {len(checked)} of {len(locked)} locked versions looked up"]
    if not checked:
        why = packages[0]["skip_reason"] if packages else "it has no answer"
        return 2, [f"nothing was checked: the advisory service cannot be reached, or knows none of these ({why})"]
    if len(checked) < len(locked):
        return 2, [f"only {len(checked)} of {len(locked)} locked versions were checked; these have no known faults"]
    return 0, [f"{len(checked)} locked versions were checked; none has a known fault"]


if __name__ == "__main__":
    code, lines = audit(sys.argv[1:])
    print("\n".join(lines))
    sys.exit(code)
