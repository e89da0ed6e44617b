import pytest
import torch
from schedules import stored_map, worked

from swann.nn.kernels import Given, Held, ScheduleBuilder, Workspace, fill_row, rectify_row
from swann.nn.kernels._schedule import moved


def test_buffers_live_from_the_first_table_that_names_them_to_the_last():
    builder = ScheduleBuilder(1)
    values = stored_map(torch.zeros(3, 4, 1))
    first, second, third = (builder.buffer(48) for _ in range(3))
    for place in (first, second, first, third):
        builder.add([[fill_row(type(values)(place, 3, (4,), (4,), 1, "float32"), Given(0), None)]], 3)
    builder.use(second)
    assert builder.buffers.lifetimes == [range(0, 3), range(1, 5), range(3, 4)]
    schedule = builder.finished()
    assert schedule.starts[0] == schedule.starts[2] != schedule.starts[1]
    assert schedule.n_bytes == 128


@pytest.mark.parametrize("n_threads", [1, 3])
def test_tasks_cover_the_nodes_of_each_band(n_threads):
    builder = ScheduleBuilder(n_threads)
    target = stored_map(torch.zeros(11, 4, 1))
    builder.add([[fill_row(target, 0, range(2))], [fill_row(target, 0, range(2, 4)), rectify_row(target)]], 11)
    nodes = {0: [], 1: []}
    for first, last, _, begin, end in builder.tasks:
        nodes[first] += range(begin, end)
        assert last == {0: 1, 1: 3}[first]
    assert nodes == {0: list(range(11)), 1: list(range(11))}


def test_addresses_are_given_anew_for_each_pass():
    builder = ScheduleBuilder(1)
    builder.add([[fill_row(stored_map(torch.zeros(2, 3, 1)), Given(1), None)]], 2)
    workspace = Workspace(builder.finished())
    for bias in (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])):
        values = torch.zeros(2, 3, 1)
        workspace.give([values.data_ptr(), bias.data_ptr()])
        workspace.run(0, 1)
        assert torch.equal(values[:, :, 0], bias.view(-1, 1).expand(2, 3))


def test_each_workspace_has_memory_of_its_own():
    builder = ScheduleBuilder(1)
    target = stored_map(torch.zeros(2, 3, 1))
    place = builder.buffer(24)
    builder.add([[fill_row(type(target)(place, 2, (3,), (3,), 1, "float32"), Given(0), None)]], 2)
    schedule = builder.finished()
    spaces, biases = [Workspace(schedule) for _ in range(2)], [torch.ones(2), torch.zeros(2)]
    for space, bias in zip(spaces, biases, strict=True):
        space.give([bias.data_ptr()])
        space.run(0, 1)
    assert [space.view(place, torch.float32, (6,)).tolist() for space in spaces] == [[1.0] * 6, [0.0] * 6]


def test_a_buffer_may_be_read_from_some_byte_on():
    def make(builder, source):
        place = builder.buffer(source.stride * 2 + 64)
        target = type(source)(Held(place.buffer, 64), 2, source.size, source.stored, 1, "float32")
        return [[fill_row(target, source.place, None)]], target

    assert worked(torch.tensor([[[5.0]], [[6.0]]]), make).flatten().tolist() == [5.0, 6.0]


def test_addresses_move():
    assert [moved(each, 8) for each in (16, Given(2, 4), Held(1))] == [24, Given(2, 12), Held(1, 8)]
