"""The version of this program, which the package's metadata, checkpoints and `--version` state."""

__version__ = "0.2.0"
