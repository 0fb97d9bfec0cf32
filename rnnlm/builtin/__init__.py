"""What comes with the tool: corpora and tasks without downloads, whose best possible score is known."""
