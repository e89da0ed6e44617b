import threading

import numpy as np
import pytest
import torch

from swann.nn.kernels import BlockMap, Given, Held, LinkShape, ScriptBuilder, _script, add_drop, add_fill, wiring
from swann.nn.kernels._block_steps import add_rectify_gradient
from swann.nn.kernels._script import OWN, block_of_memory, borrowed_memory

RESULT, NUMBERS = 1, 2


def neurons(place, n_nodes, block=3, n_blocks=1):
    return BlockMap(place, n_nodes, (), n_blocks, block, "float32")


def run(script, *given):
    """Run a script with the addresses of tensors, which live as long as it runs."""
    script.run([0 if each is None else each.data_ptr() for each in given])


def filled():
    """Return a script that sets a map of two neurons and three samples to given numbers."""
    builder = ScriptBuilder(1)
    add_fill(builder, neurons(Given(RESULT), 2), Given(NUMBERS))
    return builder.finished()[0]


def test_addresses_are_given_anew_in_each_run():
    script = filled()
    for numbers in (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])):
        result = torch.zeros(2, 3)
        run(script, None, result, numbers)
        assert torch.equal(result, numbers.view(-1, 1).expand(2, 3))
    assert len(script.idle) == 1


def test_an_address_may_lie_some_bytes_further_on():
    builder = ScriptBuilder(1)
    add_fill(builder, neurons(Given(RESULT, 4), 1), Given(NUMBERS, 8))
    result = torch.zeros(5)
    run(builder.finished()[0], None, result, torch.tensor([1.0, 2.0, 3.0]))
    assert result.tolist() == [0, 3, 3, 3, 0]


def test_threads_that_run_a_script_at_once_have_tables_of_their_own():
    script, start, wrong = filled(), threading.Barrier(2), []

    def work(number):
        numbers, result = torch.full((2,), float(number)), torch.empty(2, 3)
        start.wait()
        for _ in range(200):
            run(script, None, result, numbers)
            wrong.append(not (result == number).all())

    workers = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == [False] * 400
    assert 1 <= len(script.idle) <= 2


def test_buffers_live_from_the_first_step_that_names_them_to_the_last():
    builder = ScriptBuilder(1)
    first, second, third = (builder.buffer(24) for _ in range(3))
    for place in (first, second, first, third):
        add_fill(builder, neurons(place, 2), Given(NUMBERS))
    assert builder.buffers.lifetimes == [range(0, 3), range(1, 2), range(3, 4)]
    script, kept = builder.finished([second])
    assert builder.buffers.lifetimes[1] == range(1, 5)
    assert list(kept) == [second.buffer]
    assert script.n_bytes == 128  # the third stands where the first one was
    memory = block_of_memory(script.n_bytes)
    run(script, memory, None, torch.tensor([5.0, 6.0]))
    found = memory[kept[second.buffer] :][:24].view(torch.float32)
    assert found.tolist() == [5, 5, 5, 6, 6, 6]


def test_a_buffer_may_be_read_from_some_byte_on():
    builder = ScriptBuilder(1)
    place = builder.buffer(128)
    add_fill(builder, neurons(Held(place.buffer, 64), 2), Given(NUMBERS))
    script, kept = builder.finished([place])
    memory = torch.zeros(script.n_bytes, dtype=torch.uint8)
    run(script, memory, None, torch.tensor([5.0, 6.0]))
    found = memory[kept[place.buffer] :].view(torch.float32)
    assert found[:16].tolist() == [0] * 16
    assert found[16:22].tolist() == [5, 5, 5, 6, 6, 6]


def test_the_words_of_a_script_are_found_by_the_number_of_their_address():
    script = filled()
    assert OWN not in script.places
    for number, count in ((RESULT, 2), (NUMBERS, 2)):
        at, offsets = script.places[number]
        assert len(at) == count
        assert sorted(offsets.tolist()) == {RESULT: [0, 12], NUMBERS: [0, 4]}[number]
        assert not script.words[at].any()


@pytest.mark.parametrize("n_threads", [1, 2])
def test_links_are_done_in_all_passes(n_threads):
    """Two sources and two targets with three edges, by hand; each pass adds to its result."""
    packed = wiring(torch.tensor([[True, False], [True, True]]))
    weights, source = torch.tensor([2.0, 3.0, 5.0]), torch.tensor([[[1.0, 2.0], [10.0, 20.0]]])
    gradient = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    shape, before = LinkShape((), (), (), (), (), ()), torch.get_num_threads()
    words = 4 * (2 + 1)
    by_target, by_source = (Given(3), Given(3, words), 0), (Given(3, words + 12), Given(3, words + 24), 0)
    cases = {
        "forward": (torch.tensor([[[7.0, 0.0], [0.0, 0.0]]]), source, by_target, [[[9.0, 4.0], [53.0, 106.0]]]),
        "input": (torch.zeros(1, 2, 2), gradient, (*by_source[:2], Given(3, words + 36)), [[[2.0, 3.0], [0.0, 5.0]]]),
    }
    torch.set_num_threads(n_threads)
    try:
        for kind, (result, operand, (begin, ends, order), expected) in cases.items():
            builder = ScriptBuilder(n_threads)
            addresses = [(Given(1), Given(2), begin, ends, Given(4), order)]
            builder.add_links(kind, [shape], "float32", (1, 2), [(2, 2)], addresses)
            script, _ = builder.finished()
            run(script, None, result, operand, packed, weights)
            assert result.tolist() == expected
        builder, found = ScriptBuilder(n_threads), torch.zeros(3)
        addresses = [(Given(1), Given(2), *by_target[:2], Given(4), 0)]
        builder.add_links("weight", [shape], "float32", (1, 2), [(2, 2)], addresses)
        run(builder.finished()[0], None, gradient, source, packed, found)
    finally:
        torch.set_num_threads(before)
    assert found.tolist() == [1.0, 2.0, 20.0]


def test_steps_are_taken_in_order():
    builder = ScriptBuilder(1)
    target = neurons(Given(RESULT), 2)
    add_fill(builder, target, Given(NUMBERS))
    add_rectify_gradient(builder, target, target, target)
    add_drop(builder, target, target, Given(3), 2**15, adds=True)
    script, _ = builder.finished()
    assert script.n_turns == 3
    result, draws = torch.zeros(2, 3), torch.tensor([-1, 0, 1] * 2, dtype=torch.int16)
    run(script, None, result, torch.tensor([-1.0, 2.0]), draws)
    assert result.tolist() == [[0, 0, 0], [2, 6, 6]]


def test_maps_say_where_each_channel_stands():
    """Three blocks of two channels: each channel's number is written where the map has it."""
    builder = ScriptBuilder(1)
    add_fill(builder, neurons(Given(RESULT), 2, 4, 3), Given(NUMBERS))
    result = torch.zeros(3, 2, 4)
    script, _ = builder.finished()
    run(script, None, result, torch.tensor([1.0, 2.0]))
    assert np.array_equal(result[:, :, 0], [[1, 2]] * 3)


@pytest.fixture
def keeps_all(monkeypatch):
    monkeypatch.setattr(_script, "_KEPT_BY_LIBRARY", 0)


def test_small_memory_is_left_to_the_library():
    with borrowed_memory(1000) as first:
        pass
    with borrowed_memory(1000) as second:
        assert (second is first, second.nbytes) == (False, 1000)


@pytest.mark.usefixtures("keeps_all")
def test_memory_that_was_given_back_is_lent_again():
    with borrowed_memory(1000) as first:
        with borrowed_memory(1000) as other:
            assert other.data_ptr() != first.data_ptr()
        assert first.nbytes >= 1000
    with borrowed_memory(500) as smaller:
        assert smaller is first
    with borrowed_memory(first.nbytes + 1) as larger:
        assert larger.nbytes > first.nbytes
    with torch.inference_mode(), borrowed_memory(larger.nbytes + 1) as usable:
        pass
    assert not usable.is_inference()


@pytest.mark.usefixtures("keeps_all")
def test_memory_is_given_back_after_an_error():
    with pytest.raises(KeyError), borrowed_memory(1000) as lent:
        raise KeyError
    with borrowed_memory(1000) as again:
        assert again is lent
