"""The contract of every recurrent cell that is shipped, with both engines and without its kernel.

The expected values are those of `reference.py`, which shares no code with torch or the notation. A new cell is picked
up by its file in the library; it needs its equations there.
"""

from dataclasses import replace
from typing import Any

import pytest
import torch
from reference import REFERENCE, output_recurrent_forced
from torch import Tensor

from rnnlm.model.cells.cell import Cell, CellOptions, Output
from rnnlm.model.cells.engine import State
from rnnlm.model.cells.library import shipped

INPUTS, HIDDEN, OUTPUTS = 3, 4, 5
TIME, BATCH = 7, 2
ENGINES = ("fused", "staged", "readable")
CASES = [pytest.param(name, CellOptions(), id=name) for name in shipped()]
CASES.append(pytest.param("output-recurrent", CellOptions(feedback="logits"), id="output-recurrent-logits"))
KEEPING_GATE = {name: ("b_f", 1) for name in shipped() if name.startswith("lstm")}
KEEPING_GATE |= {"mingru": ("b_z", -1), "gru": ("b_z", 1)} | dict.fromkeys(("sru", "qrnn", "mogrifier"), ("b_f", 1))

every_form = pytest.mark.parametrize(("name", "options"), CASES)
every_engine = pytest.mark.parametrize("engine", ENGINES)


def make_cell(name: str, hidden: int, options: CellOptions, generator: torch.Generator, output: Output) -> Cell:
    """A layer of the library."""
    return Cell(shipped()[name].form, INPUTS, hidden, options, generator, output)


class Made:
    """A cell with random weights, all of them far from 0, and the output layer V, c that it may feed back."""

    def __init__(self, name: str, options: CellOptions, engine: str = "fused", dtype: torch.dtype = torch.float64):
        self.name, self.options, self.dtype = name, options, dtype
        self.generator = torch.Generator().manual_seed(11)
        self.V, self.c = self.normal(OUTPUTS, HIDDEN).requires_grad_(), self.normal(OUTPUTS).requires_grad_()
        output = Output(OUTPUTS, lambda h: h @ self.V.T + self.c)
        self.cell: Any = make_cell(name, HIDDEN, options, self.generator, output).to(dtype)
        self.cell.engine = "readable" if engine == "readable" else "fused"
        if engine == "staged":
            self.cell._kernel = None
        with torch.no_grad():
            for parameter in self.cell.parameters():
                parameter.copy_(self.normal(*parameter.shape))

    def normal(self, *shape: int) -> Tensor:
        """Drawn in float64, so that both types hold the same numbers."""
        return (0.7 * torch.randn(*shape, generator=self.generator, dtype=torch.float64)).to(self.dtype)

    @property
    def weights(self) -> dict[str, Tensor]:
        """By letter; those of the output layer where they matter."""
        own = dict(self.cell.named_parameters())
        return own | {"V": self.V, "c": self.c} if self.cell.form.feeds_back else own

    def state(self, batch: int = BATCH) -> State:
        """A random state; n of sLSTM is positive, as it always is."""
        parts = [self.normal(*part.shape) for part in self.cell.initial_state(batch)]
        slots = [name for name, _ in self.cell.form.slots]
        return tuple(
            part.abs() + 0.5 if (self.name, name) == ("slstm", "n") else part
            for name, part in zip(slots, parts, strict=True)
        )

    def reference(self, x: Tensor, state: State, **changed: Any) -> tuple[Any, Any]:
        """What the equations give, with weights `changed`."""
        forms = {"output-recurrent": {"feedback": self.options.feedback}}.get(self.name, {})
        weights = {letter: weight.detach().numpy() for letter, weight in self.weights.items()} | changed
        return REFERENCE[self.name](
            x.detach().numpy(), tuple(part.detach().numpy() for part in state), weights, **forms
        )


def assert_close(one: tuple[Tensor, State], other: tuple[Any, Any], tolerance: float = 1e-10) -> None:
    """The same outputs and states."""
    pairs = [(one[0], other[0]), *zip(one[1], other[1], strict=True)]
    for mine, theirs in pairs:
        torch.testing.assert_close(mine, torch.as_tensor(theirs), atol=tolerance, rtol=0)


def test_every_cell_has_a_reference() -> None:
    assert set(shipped()) == set(REFERENCE)


@every_engine
@every_form
def test_outputs_and_states_are_those_of_the_equations(name: str, options: CellOptions, engine: str) -> None:
    made = Made(name, options, engine)
    for time in (1, TIME):
        x, state = made.normal(time, BATCH, INPUTS), made.state()
        expected = made.reference(x, state)
        h, after = made.cell(x, state)
        assert_close((h, after), expected)
        assert torch.equal(h[-1], after[0])
        with torch.no_grad():
            assert_close(made.cell(x, state), expected)


@every_form
def test_a_step_is_a_segment_of_one(name: str, options: CellOptions) -> None:
    made = Made(name, options)
    x, state = made.normal(1, BATCH, INPUTS), made.state()
    after = made.cell.step(x[0], state)
    assert_close((after[0].unsqueeze(0), after), made.reference(x, state))


@every_form
def test_a_sequence_starts_from_zero(name: str, options: CellOptions) -> None:
    made = Made(name, options)
    state = made.cell.initial_state(BATCH)
    assert all(part.dtype == torch.float64 and len(part) == BATCH and not part.any() for part in state)
    assert state[0].shape == (BATCH, HIDDEN)


@every_engine
@every_form
def test_other_recurrent_weights_can_stand_in(name: str, options: CellOptions, engine: str) -> None:
    made = Made(name, options, engine)
    x, state = made.normal(TIME, BATCH, INPUTS), made.state()
    some = {letter: W.detach() * (made.normal(*W.shape) > 0) for letter, W in made.cell.recurrent.items()}
    expected = made.reference(x, state, **{letter: W.numpy() for letter, W in some.items()})
    assert_close(made.cell(x, state, some), expected)
    outputs = []
    for x_t in x:
        state = made.cell.step(x_t, state, some)
        outputs.append(state[0])
    assert_close((torch.stack(outputs), state), expected)


@every_engine
@every_form
def test_gradients_are_those_of_small_changes(name: str, options: CellOptions, engine: str) -> None:
    made = Made(name, options, engine)
    x, state = made.normal(3, BATCH, INPUTS).requires_grad_(), tuple(part.requires_grad_() for part in made.state())

    def outputs(*_: Tensor) -> tuple[Tensor, ...]:
        h, after = made.cell(x, state)
        return h, *after

    read = state if made.cell.form.reads_h else state[1:]
    assert torch.autograd.gradcheck(outputs, (x, *read, *made.weights.values()))


@every_form
def test_each_weight_has_the_gradient_of_the_equations(name: str, options: CellOptions) -> None:
    """One entry of each, by finite differences of the reference."""
    made = Made(name, options)
    x, state, direction = made.normal(TIME, BATCH, INPUTS), made.state(), made.normal(TIME, BATCH, HIDDEN)
    (made.cell(x, state)[0] * direction).sum().backward()
    change = 1e-5
    for letter, weight in made.weights.items():
        index = tuple(size // 2 for size in weight.shape)
        losses = []
        for sign in (1, -1):
            moved = weight.detach().numpy().copy()
            moved[index] += sign * change
            losses.append(float((made.reference(x, state, **{letter: moved})[0] * direction.numpy()).sum()))
        assert weight.grad is not None
        expected = (losses[0] - losses[1]) / (2 * change)
        assert weight.grad[index].item() == pytest.approx(expected, rel=1e-6, abs=1e-8), letter


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@every_form
def test_both_engines_agree_forward_and_backward(
    name: str, options: CellOptions, dtype: torch.dtype, tolerance: float
) -> None:
    results = []
    for engine in ENGINES:
        made = Made(name, options, engine, dtype)
        x, state = made.normal(TIME, BATCH, INPUTS).requires_grad_(), made.state()
        for part in state:
            part.requires_grad_()
        h, after = made.cell(x, state)
        (h * made.normal(*h.shape)).mean().backward()
        found = [h, *after, x.grad, *(part.grad for part in state), *(w.grad for w in made.weights.values())]
        results.append(found)
    for others in zip(*results, strict=True):
        for other in others[1:]:
            torch.testing.assert_close(others[0], other, atol=tolerance, rtol=0)


@every_engine
@every_form
def test_two_halves_with_the_state_carried_are_one_pass(name: str, options: CellOptions, engine: str) -> None:
    made = Made(name, options, engine)
    x, state = made.normal(TIME, BATCH, INPUTS), made.state()
    whole = made.cell(x, state)
    for context in (torch.enable_grad, torch.no_grad):
        for cut in range(1, TIME):
            with context():
                first, between = made.cell(x[:cut], state)
                second, after = made.cell(x[cut:], between)
            assert_close((torch.cat([first, second]), after), whole)


@every_engine
@every_form
def test_a_padded_batch_is_its_sequences_one_by_one(name: str, options: CellOptions, engine: str) -> None:
    made = Made(name, options, engine)
    lengths = [7, 4, 1, 3]
    x, state = made.normal(max(lengths), len(lengths), INPUTS), made.state(len(lengths))
    together, _ = made.cell(x, state)
    for row, length in enumerate(lengths):
        alone, _ = made.cell(x[:length, [row]], tuple(part[[row]] for part in state))
        torch.testing.assert_close(together[:length, [row]], alone, atol=1e-10, rtol=0)


@every_form
def test_an_orthogonal_start_keeps_lengths(name: str, options: CellOptions) -> None:
    """WᵀW = I for the block of each gate; WWᵀ = I where a block is wider than high."""
    for outputs in (3, 9):
        output = Output(outputs, lambda h: h)
        orthogonal = replace(options, recurrent_init="orthogonal")
        cell = make_cell(name, 6, orthogonal, torch.Generator().manual_seed(2), output)
        blocks = [block.detach() for letter in cell.recurrent for block in cell.blocks(letter).values()]
        for block in blocks:
            product = block.T @ block if block.shape[0] >= block.shape[1] else block @ block.T
            torch.testing.assert_close(product, torch.eye(len(product)), atol=1e-6, rtol=0)


@every_form
def test_weights_start_within_their_bound_and_follow_from_the_generator(name: str, options: CellOptions) -> None:
    def weights(seed: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        cell = make_cell(name, 16, options, generator, Output(OUTPUTS, lambda h: h))
        return dict(cell.named_parameters())

    first, again, other = weights(1), weights(1), weights(2)
    for letter in [letter for letter, weight in first.items() if weight.dim() == 2]:
        assert 0.2 < first[letter].abs().max() <= 1 / 4
        assert torch.equal(first[letter], again[letter])
        assert not torch.equal(first[letter], other[letter])


@every_form
def test_the_gate_that_keeps_the_state_starts_with_its_bias(name: str, options: CellOptions) -> None:
    for bias in (0.0, 1.0, -2.5):
        with_bias = replace(options, forget_bias=bias)
        output = Output(OUTPUTS, lambda h: h)
        cell = make_cell(name, HIDDEN, with_bias, torch.Generator().manual_seed(1), output)
        gate, sign = KEEPING_GATE.get(name, ("", 0))
        for block, weights in (cell.blocks("b") if "b" in cell.form.blocks else {}).items():
            start = cell.form.parsed.starts.get(block, (0.0,))[0]
            assert (weights.detach() == (sign * bias if block == gate else start)).all()


@pytest.fixture(params=["probabilities", "logits"])
def fed_back(request: pytest.FixtureRequest) -> Made:
    """The output-recurrent cell in each form."""
    return Made("output-recurrent", CellOptions(feedback=request.param))


def forced(made: Made, x: Tensor, previous: Tensor) -> Tensor:
    """h where y(t−1) is given."""
    h: Tensor = made.cell.forced(x, made.state(), previous)[0]
    return h


def own_outputs(made: Made, h: Tensor, state: State) -> Tensor:
    """ŷ(t−1) at each step of a free run, (time, batch, outputs)."""
    o = h @ made.V.T + made.c
    fed = o.softmax(-1) if made.options.feedback == "probabilities" else o
    return torch.cat([state[1].unsqueeze(0), fed[:-1]])


def test_forced_steps_are_those_of_the_equation(fed_back: Made) -> None:
    x, previous = fed_back.normal(TIME, BATCH, INPUTS), fed_back.normal(TIME, BATCH, OUTPUTS)
    weights = {letter: weight.detach().numpy() for letter, weight in fed_back.weights.items()}
    expected = output_recurrent_forced(x.numpy(), previous.numpy(), weights)
    torch.testing.assert_close(forced(fed_back, x, previous), torch.as_tensor(expected), atol=1e-10, rtol=0)


def test_forced_with_its_own_outputs_is_the_free_run(fed_back: Made) -> None:
    x, state = fed_back.normal(TIME, BATCH, INPUTS), fed_back.state()
    h, _ = fed_back.cell(x, state)
    again = forced(fed_back, x, own_outputs(fed_back, h, state))
    torch.testing.assert_close(again, h, atol=1e-10, rtol=0)


def test_a_forced_step_has_no_past_but_the_label(fed_back: Made) -> None:
    """h(t) has no gradient from any other step, so none flows back through time."""
    x, previous = fed_back.normal(TIME, BATCH, INPUTS), fed_back.normal(TIME, BATCH, OUTPUTS)
    x.requires_grad_()
    previous.requires_grad_()
    forced(fed_back, x, previous)[3].sum().backward()
    for grad in (x.grad, previous.grad):
        assert grad is not None
        assert [bool(step.any()) for step in grad] == [t == 3 for t in range(TIME)]


def test_labels_as_numbers_are_labels_as_unit_vectors(fed_back: Made) -> None:
    x = fed_back.normal(3, BATCH, INPUTS)
    numbers = torch.tensor([[-1, 2], [4, 0], [1, -1]])
    vectors = torch.nn.functional.one_hot(numbers.clamp(min=0), OUTPUTS).double() * (numbers >= 0).unsqueeze(-1)
    torch.testing.assert_close(forced(fed_back, x, numbers), forced(fed_back, x, vectors), atol=1e-12, rtol=0)


def test_guided_steps_take_the_label_where_it_is_given(fed_back: Made) -> None:
    x, state = fed_back.normal(TIME, BATCH, INPUTS), fed_back.state()
    previous = fed_back.normal(TIME, BATCH, OUTPUTS)
    always, never = torch.ones(TIME, BATCH, dtype=torch.bool), torch.zeros(TIME, BATCH, dtype=torch.bool)
    given = forced(fed_back, x, previous)
    torch.testing.assert_close(fed_back.cell.guided(x, state, previous, always)[0], given, atol=1e-10, rtol=0)
    assert_close(fed_back.cell.guided(x, state, previous, never), fed_back.cell(x, state))
    some = torch.tensor([[True, False], [False, False], [True, True], [False, True]] + [[False, True]] * 3)
    h, _ = fed_back.cell.guided(x, state, previous, some)
    fed = torch.where(some.unsqueeze(-1), previous, own_outputs(fed_back, h, state))
    torch.testing.assert_close(h, forced(fed_back, x, fed), atol=1e-10, rtol=0)
