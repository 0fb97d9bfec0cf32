"""Built-in corpora and tasks: no downloads, and the best possible score is known."""
