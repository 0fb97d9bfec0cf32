"""rnnlm: from raw text to a recurrent language model that you can train, measure, question and use."""

__version__ = "0.1.0"
