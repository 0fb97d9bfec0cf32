"""`python -m rnnlm` and the `rnnlm` entry point; importing this file runs nothing."""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from rnnlm.cli.run import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
