"""A vocabulary in clusters by frequency, so that rare words cost little: an exact softmax of two levels.

    p(w) = softmax(V₀ h + c₀)[w]                                      w among the most frequent words, cluster 0
    p(w) = softmax(V₀ h + c₀)[cluster k] · softmax(V_k h + c_k)[w]    w in cluster k = 1, 2, …

Cluster 0 has one more logit for each later cluster, G h + a. Rows of later clusters may be shorter than those of
cluster 0: V_k = R_k Uᵀ_k with R_k (words, d), U_k (D, d), for inputs and outputs alike. Sources: Goodman 2001 on
classes, Grave et al. 2017 on clusters by frequency, Baevski & Auli 2019 on shorter rows, shared by inputs and outputs.
`cuts.py` chooses the clusters.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnnlm.model.outputs.loss import SoftmaxFactor
from rnnlm.model.outputs.product import linear


class Cluster(nn.Module):
    """The words of one later cluster: `rows` R (words, d) and, where d is below D, `up` U (D, d)."""

    def __init__(self, words: int, width: int, dimensions: int, std: float, generator: torch.Generator) -> None:
        """`width` is d, `dimensions` D, `std` the standard deviation of the rows' numbers."""
        super().__init__()
        # U of unit variance over √d keeps the numbers of R Uᵀ as large as those of cluster 0.
        self.rows = nn.Parameter(torch.empty(words, width).normal_(0, std, generator=generator))
        self.up = None
        if width < dimensions:
            self.up = nn.Parameter(torch.empty(dimensions, width).normal_(0, width**-0.5, generator=generator))

    def embed(self, numbers: Tensor) -> Tensor:
        """(n,) numbers of words in the cluster → (n, D)."""
        rows = nn.functional.embedding(numbers, self.rows)
        return rows if self.up is None else rows @ self.up.T

    def read(self, h: Tensor) -> Tensor:
        """h (rows, D) → (rows, d), as the cluster's rows read it."""
        return h if self.up is None else h @ self.up


class Clusters(nn.Module):
    """The later clusters; `G` (clusters, D) and `a` (clusters,) give their logits beside those of cluster 0.

    `cuts` are the output numbers at which they begin, `widths` the length d of their rows.
    """

    def __init__(
        self,
        outputs: int,
        dimensions: int,
        cuts: Sequence[int],
        widths: Sequence[int],
        std: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.first = cuts[0]
        self._bounds = [*cuts, outputs]
        self.register_buffer("_cuts", torch.tensor(list(cuts)), persistent=False)
        self._cuts: Tensor
        self.later = nn.ModuleList(
            Cluster(end - begin, width, dimensions, std, generator)
            for (begin, end), width in zip(pairwise(self._bounds), widths, strict=True)
        )
        self.G = nn.Parameter(torch.zeros(len(cuts), dimensions))
        self.a = nn.Parameter(torch.zeros(len(cuts)))

    def __iter__(self) -> Iterator[tuple[int, int, Cluster]]:
        """Each later cluster, after the first output number in it and the first beyond it."""
        for (begin, end), cluster in zip(pairwise(self._bounds), self.later, strict=True):
            assert isinstance(cluster, Cluster)
            yield begin, end, cluster

    @property
    def log_sizes(self) -> Tensor:
        """The log of the number of words of each choice of the first factor (choices,): 0 for a single word."""
        sizes = [float(end - begin) for begin, end in pairwise(self._bounds)]
        return self.a.new_tensor([1.0] * self.first + sizes).log()

    def embed(self, x: Tensor, numbers: Tensor) -> Tensor:
        """x (rows, D) with the embeddings of later clusters' words filled in; `numbers` (rows,) are output numbers."""
        cluster_of = torch.bucketize(numbers, self._cuts, right=True)
        for number, (begin, _, cluster) in enumerate(self, 1):
            here = (cluster_of == number).nonzero().squeeze(1)
            if len(here):
                x = x.index_copy(0, here, cluster.embed(numbers[here] - begin))
        return x

    def factors(self, h: Tensor, V: Tensor, c: Tensor, targets: Tensor) -> Iterator[SoftmaxFactor]:
        """The factors of p(target): h (rows, D), V (first, D), c (outputs,), targets (rows,) of output numbers."""
        cluster_of = torch.bucketize(targets, self._cuts, right=True)
        choices = torch.where(cluster_of == 0, targets, self.first + cluster_of - 1)
        yield SoftmaxFactor(h, torch.cat([V, self.G]), torch.cat([c[: self.first], self.a]), choices)
        for number, (begin, end, cluster) in enumerate(self, 1):
            here = (cluster_of == number).nonzero().squeeze(1)
            if len(here):
                yield SoftmaxFactor(cluster.read(h[here]), cluster.rows, c[begin:end], targets[here] - begin, here)

    def log_p(self, h: Tensor, V: Tensor, c: Tensor) -> Tensor:
        """log p of every output, (…, D) → (…, outputs)."""
        first = self.first_log_p(h, V, c)
        parts = [first[..., : self.first]]
        for number in range(len(self.later)):
            parts.append(first[..., self.first + number, None] + self.within_log_p(number, h, c))
        return torch.cat(parts, -1)

    def first_log_p(self, h: Tensor, V: Tensor, c: Tensor) -> Tensor:
        """log p of the words of cluster 0 and of each later cluster as a whole, (…, first + clusters)."""
        return torch.cat([linear(h, V, c[: self.first]), linear(h, self.G, self.a)], -1).log_softmax(-1)

    def within_log_p(self, number: int, h: Tensor, c: Tensor) -> Tensor:
        """log p of each word of a later cluster, given that it is in it; 0 is the first of them."""
        begin, end, cluster = list(self)[number]
        return linear(cluster.read(h), cluster.rows, c[begin:end]).log_softmax(-1)

    @torch.no_grad()
    def start_rows(self, layer: Tensor) -> None:
        """Start the rows from a whole layer (outputs, D); shorter rows are its best approximation of their rank."""
        for begin, end, cluster in self:
            rows = layer[begin:end]
            if cluster.up is not None:  # Eckart & Young 1936
                _, directions = torch.linalg.eigh(rows.T @ rows)
                cluster.up.copy_(directions[:, -cluster.up.shape[1] :])
                rows = rows @ cluster.up
            cluster.rows.copy_(rows)

    @torch.no_grad()
    def start_bias(self, bias: Tensor) -> None:
        """Start each cluster at its log frequency in the text; `bias` (outputs,) is the log unigram."""
        for number, (begin, end, _) in enumerate(self):
            self.a[number] = bias[begin:end].logsumexp(0)

    def operations(self, targets: NDArray[np.int64]) -> int:
        """Floating-point operations of the products that `targets` (rows,) need beside those with V, forward."""
        cluster_of = np.searchsorted(self._bounds[:-1], targets, "right")
        counts: list[int] = np.bincount(cluster_of, minlength=len(self.later) + 1).tolist()
        within: int = sum(
            count * (cluster.rows.numel() + (0 if cluster.up is None else cluster.up.numel()))
            for count, (_, _, cluster) in zip(counts[1:], self, strict=True)
        )
        return 2 * (len(targets) * self.G.numel() + within)
