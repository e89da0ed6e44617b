from swann.convert import count_chain, count_plan
from swann.report.page._costs import costs


def test_costs_are_those_counted(plan):
    section = costs(plan.chain, plan)
    before, after, executed = count_chain(plan.chain), count_plan(plan), count_plan(plan, as_executed=True)
    rows = {row[0]: row[1:] for row in section.tables[0].groups[0].rows}
    assert rows["parameters"] == tuple(f"{counts.parameters:,}" for counts in (before, after, executed))
    assert rows["multiplications (MACs) of an input"] == tuple(f"{each.macs:,}" for each in (before, after, executed))
    layers = {group.label: group.rows for group in section.folded[0].groups}
    sums = [sum(int(row[column].replace(",", "")) for row in layers["parameters"]) for column in (1, 2, 3)]
    assert sums == [before.parameters, after.parameters, executed.parameters]


def test_a_plain_chain_has_one_column(plan):
    table = costs(plan.chain, None).tables[0]
    assert table.header == ("", "baseline")
    assert len(table.notes) == 1
