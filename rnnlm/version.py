"""The version of this program, which the package's metadata, checkpoints and `--version` state."""

__version__ = "0.1.0"
