"""The size of a network, and what a token costs it; knows no tensor."""

from dataclasses import dataclass

from rnnlm.corpus.tokenizer import FIRST_OUTPUT


@dataclass(frozen=True)
class Architecture:
    """`vocabulary` counts all ids; the outputs are those from 2 up."""

    cell: str
    vocabulary: int
    embedding: int
    hidden: int
    layers: int
    tied: bool

    @property
    def outputs(self) -> int:
        """Number of tokens that can be predicted."""
        return self.vocabulary - FIRST_OUTPUT

    @property
    def projected(self) -> bool:
        """Whether h(t) is projected to the embedding's size before a tied output."""
        return self.tied and self.hidden != self.embedding

    def operations(self) -> int:
        """Floating-point operations of the matrix products for one token, forward; training takes three times that."""
        recurrent = sum(
            2 * 4 * self.hidden * ((self.embedding if layer == 0 else self.hidden) + self.hidden)
            for layer in range(self.layers)
        )
        projection = 2 * self.hidden * self.embedding if self.projected else 0
        width = self.embedding if self.tied else self.hidden
        return recurrent + projection + 2 * width * self.outputs
