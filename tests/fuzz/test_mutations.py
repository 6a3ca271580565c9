"""What fuzz tests draw stays the same when the code has more to draw from."""

from harness import fuzz
from mutations import among


def drawn(elements: list[str]) -> list[str]:
    each: list[str] = []
    fuzz(120, among(elements), each.append)
    return each


def test_a_key_that_is_added_changes_no_draw_of_the_others() -> None:
    keys = [f"key {k}" for k in range(15)]
    before, after = drawn(keys), drawn([*keys[:5], "new", *keys[5:]])
    assert set(after) == {*keys, "new"}
    assert all(old == now or now == "new" for old, now in zip(before, after, strict=True))
