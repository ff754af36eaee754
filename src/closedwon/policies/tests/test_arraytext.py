"""Arrays changed in their text: whatever moves, comes or goes, the text says what it should, and no comment of a kept row is lost."""

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from closedwon.policies.tomltext import written

CELLS = st.one_of(st.integers(0, 9), st.sampled_from(["a", "b, ]", "# no comment", 'q"', ""]), st.booleans())
ROWS = st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=5)


@st.composite
def arrays(draw):
    """The text of a grid, with comments at some rows, and its rows."""
    rows = draw(ROWS)
    lines = []
    for at, row in enumerate(rows):
        cells = ", ".join(
            str(one).lower() if isinstance(one, bool) else repr(one) if isinstance(one, int) else f'"{one}"'.replace('q"', 'q\\"')
            for one in row
        )
        above = f"  # above {at}\n" if draw(st.booleans()) else ""
        beside = f"  # beside {at}" if draw(st.booleans()) else ""
        comma = "," if at < len(rows) - 1 or draw(st.booleans()) else ""
        lines.append(f"{above}  [{cells}]{comma}{beside}\n")
    end = "  # the end\n" if draw(st.booleans()) else ""
    return f"x = [\n{''.join(lines)}{end}]\ny = 1 # why\n", rows


@given(arrays(), st.data())
@settings(max_examples=300, deadline=None)
def test_rows_come_go_and_move_with_their_comments(given_array, data):
    text, rows = given_array
    assert tomllib.loads(text)["x"] == rows
    origin = data.draw(st.lists(st.one_of(st.none(), st.integers(0, max(0, len(rows) - 1))), max_size=6))
    origin = [was if was is not None and was < len(rows) and was not in origin[:at] else None for at, was in enumerate(origin)]
    after = [rows[was] if was is not None else [7, "new"] for was in origin]
    if after and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(after) - 1))
        after[at] = ["changed", after[at][1]]
    made = written(text, {"x": rows, "y": 1}, {"x": after, "y": 1}, {"x": origin})
    assert tomllib.loads(made) == {"x": after, "y": 1}
    assert "y = 1 # why" in made
    kept = {was for was in origin if was is not None}
    for line in text.splitlines():
        if "# above" in line or "# the end" in line:
            assert line.strip() in made
        if "# beside" in line and int(line.rsplit(" ", 1)[1]) in kept:
            assert line[line.index("# beside") :] in made


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=6), st.lists(st.sampled_from(["a", "b", "c", "e"]), max_size=6))
@settings(max_examples=200, deadline=None)
def test_words_of_a_list_keep_theirs(before, after):
    text = "x = [\n" + "".join(f'  "{one}", # {one}{at}\n' for at, one in enumerate(before)) + "]\n"
    made = written(text, {"x": before}, {"x": after}, {})
    assert tomllib.loads(made) == {"x": after}
    if set(before) <= set(after) and len(set(before)) == len(before) and sorted(after) == after and before == sorted(before):
        assert all(f"# {one}{at}" in made for at, one in enumerate(before))
