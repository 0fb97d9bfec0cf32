"""A vocabulary in bands by frequency, so that rare words cost little: an exact softmax of two levels.

    p(w) = softmax(V₀ h + c₀)[w]                                   w among the most frequent words, band 0
    p(w) = softmax(V₀ h + c₀)[band k] · softmax(V_k h + c_k)[w]    w in band k = 1, 2, …

Band 0 has one logit more for each later band, G h + a. The rows of a band may be shorter than those of band 0:
V_k = R_k Uᵀ_k with R_k (words, d), U_k (D, d), for inputs and outputs alike. Sources: Goodman 2001 on classes, Grave et
al. 2017 on bands by frequency, Baevski & Auli 2019 on rows that shrink, shared by inputs and outputs. Knows nothing of
how the bands are chosen.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from rnnlm.model.outputs.factor import SoftmaxFactor


class Cluster(nn.Module):
    """The words of one band but the first: `rows` R (words, d) and, where d is below D, `up` U (D, d)."""

    def __init__(self, words: int, width: int, dimensions: int, spread: float, generator: torch.Generator) -> None:
        """`width` is d, `dimensions` D, `spread` the standard deviation of the rows' numbers."""
        super().__init__()
        # U of unit variance over √d keeps the numbers of R Uᵀ as large as those of band 0.
        self.rows = nn.Parameter(torch.empty(words, width).normal_(0, spread, generator=generator))
        self.up = None
        if width < dimensions:
            self.up = nn.Parameter(torch.empty(dimensions, width).normal_(0, width**-0.5, generator=generator))

    def embed(self, numbers: Tensor) -> Tensor:
        """(n,) numbers of words in the band → (n, D)."""
        rows = nn.functional.embedding(numbers, self.rows)
        return rows if self.up is None else rows @ self.up.T

    def read(self, h: Tensor) -> Tensor:
        """h (rows, D) as the band's rows meet it, (rows, d)."""
        return h if self.up is None else h @ self.up


class Clusters(nn.Module):
    """The bands after the first; `G` (bands, D) and `a` (bands,) are their logits beside those of band 0.

    `cuts` are the output numbers at which they begin, `widths` the length d of their rows.
    """

    def __init__(
        self,
        outputs: int,
        dimensions: int,
        cuts: Sequence[int],
        widths: Sequence[int],
        spread: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.first = cuts[0]
        self._bounds = [*cuts, outputs]
        self.register_buffer("_cuts", torch.tensor(list(cuts)), persistent=False)
        self._cuts: Tensor
        self.later = nn.ModuleList(
            Cluster(end - begin, width, dimensions, spread, generator)
            for (begin, end), width in zip(pairwise(self._bounds), widths, strict=True)
        )
        self.G = nn.Parameter(torch.zeros(len(cuts), dimensions))
        self.a = nn.Parameter(torch.zeros(len(cuts)))

    def __iter__(self) -> Iterator[tuple[int, int, Cluster]]:
        """Each later band with the first output number that it has and the first that it has not."""
        for (begin, end), band in zip(pairwise(self._bounds), self.later, strict=True):
            assert isinstance(band, Cluster)
            yield begin, end, band

    def embed(self, x: Tensor, numbers: Tensor) -> Tensor:
        """x (rows, D) with the rows of later bands' words in place, `numbers` (rows,) being output numbers."""
        band_of = torch.bucketize(numbers, self._cuts, right=True)
        for number, (begin, _, band) in enumerate(self, 1):
            here = (band_of == number).nonzero().squeeze(1)
            if len(here):
                x = x.index_copy(0, here, band.embed(numbers[here] - begin))
        return x

    def terms(self, h: Tensor, V: Tensor, c: Tensor, targets: Tensor) -> Iterator[SoftmaxFactor]:
        """The factors of p(target): h (rows, D), V (first, D), c (outputs,), targets (rows,) of output numbers."""
        band_of = torch.bucketize(targets, self._cuts, right=True)
        choices = torch.where(band_of == 0, targets, self.first + band_of - 1)
        yield SoftmaxFactor(h, torch.cat([V, self.G]), torch.cat([c[: self.first], self.a]), choices)
        for number, (begin, end, band) in enumerate(self, 1):
            here = (band_of == number).nonzero().squeeze(1)
            if len(here):
                yield SoftmaxFactor(band.read(h[here]), band.rows, c[begin:end], targets[here] - begin, here)

    def log_p(self, h: Tensor, V: Tensor, c: Tensor) -> Tensor:
        """log p of every output, (…, D) → (…, outputs)."""
        first = nn.functional.linear(h, torch.cat([V, self.G]), torch.cat([c[: self.first], self.a])).log_softmax(-1)
        parts = [first[..., : self.first]]
        for number, (begin, end, band) in enumerate(self):
            within = nn.functional.linear(band.read(h), band.rows, c[begin:end]).log_softmax(-1)
            parts.append(first[..., self.first + number, None] + within)
        return torch.cat(parts, -1)

    @torch.no_grad()
    def start_rows(self, layer: Tensor) -> None:
        """Start the rows from a whole layer (outputs, D); shorter ones are the nearest of their rank."""
        for begin, end, band in self:
            rows = layer[begin:end]
            if band.up is not None:  # Eckart & Young 1936
                _, directions = torch.linalg.eigh(rows.T @ rows)
                band.up.copy_(directions[:, -band.up.shape[1] :])
                rows = rows @ band.up
            band.rows.copy_(rows)

    @torch.no_grad()
    def start_bias(self, bias: Tensor) -> None:
        """Let each band begin with its share of the text; `bias` (outputs,) is the log unigram."""
        for number, (begin, end, _) in enumerate(self):
            self.a[number] = bias[begin:end].logsumexp(0)

    def operations(self, targets: Tensor) -> int:
        """Floating-point operations of the products that `targets` (rows,) need beside those with V, forward."""
        counts: list[int] = (
            torch.bucketize(targets, self._cuts, right=True).bincount(minlength=len(self.later) + 1).tolist()
        )
        within: int = sum(
            count * (band.rows.numel() + (0 if band.up is None else band.up.numel()))
            for count, (_, _, band) in zip(counts[1:], self, strict=True)
        )
        return 2 * (len(targets) * self.G.numel() + within)
