"""States side by side: joined and taken apart they are the same, whatever a model's states are made of."""

import torch

from rnnlm.model.architecture import Architecture
from rnnlm.model.network import Network
from rnnlm.model.states import joined, taken


def test_sequences_joined_and_reordered_go_on_as_they_would_alone() -> None:
    for cell in ("lstm", "gru", "elman", "output-recurrent"):
        layers = 1 if cell == "output-recurrent" else 2
        model = Network(Architecture(cell, 12, 6, 8, layers, True), torch.Generator().manual_seed(2)).eval()
        token = torch.tensor([[7]])
        with torch.inference_mode():
            alone = [model(torch.tensor([[first], [4]]), model.initial_state(1))[1] for first in (2, 5, 9)]
            order = [2, 0, 0, 1]
            states = taken(joined(alone), torch.tensor(order))
            together, _ = model(token.expand(1, 4), states)
            for column, number in enumerate(order):
                one, _ = model(token, alone[number])
                torch.testing.assert_close(together[0, column], one[0, 0], rtol=0, atol=1e-6)


def test_states_may_be_a_tensor_or_tuples_in_tuples() -> None:
    rows = torch.arange(6).view(3, 2)
    assert torch.equal(joined([rows[:1], rows[1:]]), rows)
    assert torch.equal(taken(rows, torch.tensor([2, 0])), rows[[2, 0]])
    nested = ((rows, (rows + 1,)), rows + 2)
    (first, (second,)), third = taken(joined([nested, nested]), torch.tensor([3]))
    assert torch.equal(torch.cat([first, second, third]), torch.tensor([[0, 1], [1, 2], [2, 3]]))
