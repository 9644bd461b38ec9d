"""Chained ranges, and every other truth test. Kept free of asserts around chains: pytest rewrites an asserted chain."""

import asyncio
import random
import subprocess
import sys
import textwrap
import threading

import pytest

from localcat.errors import BadRequestError
from localcat.expressions.properties import properties as p

NO_TRUTH = r"no truth value: join conditions with & \| ~ instead of and, or, not"


def limit(*_conditions):
    return 10


# What works


def in_a_function(q):
    return 5 < q <= 10


def in_a_lambda(q):
    return (lambda: 5 < q <= 10)()


def in_a_comprehension(q):
    return [5 < q <= high for high in (10,)][0]  # noqa: RUF015  # a list comprehension is what is tested


def in_a_generator(q):
    return next(5 < q <= high for high in (10,))


def in_a_class_body(q):
    class Body:
        found = 5 < q <= 10

    return Body.found


def in_executed_code(q):
    scope = {"q": q}
    exec("found = 5 < q <= 10", scope)
    return scope["found"]


def in_evaluated_code(q):
    return eval("5 < q <= 10", {"q": q})


def at_the_end_of_a_function(q):
    found = []
    found.append(5 < q <= 10)
    return found[0]


def over_lines(q):
    return (
        5
        < q
        <= 10
    )  # fmt: skip


def with_conditions_in_the_last_operand(q):
    return 5 < q <= limit(q > 3, 1 < q < 2, q == 5)


def with_a_choice_in_the_last_operand(q):
    return 5 < q <= (10 if [q > 3] else 11)


def with_a_chain_of_another_handle_inside(q):
    return 5 < q <= limit(1 < p.y < 2)


def with_a_comprehension_in_the_last_operand(q):
    return 5 < q <= max([10 for number in range(3) if number < 5])


def followed_by_a_comparison(q):
    return [5 < q <= 10, [5 < q <= 10] == [None]][0]


def inside_formatted_text(q):
    return f"{5 < q <= limit(f'{1 < q < 2}', q > 3)}"


def as_a_default(q):
    return (lambda found=5 < q <= 10: found)()


def assigned_on_the_way(q):
    return limit(found := 5 < q <= 10) and [found][0]


def in_a_loop(q):
    for high in (8, 9, 10):
        found = 5 < q <= high
    return found


def in_a_finally(q):
    try:
        limit()
    finally:
        found = 5 < q <= 10
    return found


def in_a_choice(q):
    return (5 < q <= 10) if limit() else None


def in_a_match(q):
    match limit():
        case 10:
            return 5 < q <= 10


def walrus_in_the_middle(_q):
    return 5 < (q := p.x) <= limit(q)


def in_a_coroutine(q):
    async def late():
        await asyncio.sleep(0)
        return 10

    async def one(low):
        return low < q <= await late()

    async def several():
        return await asyncio.gather(*(one(low) for low in (1, 5, 7)))

    return asyncio.run(several())[1]


def recursively(q, depth=3):
    def inner():
        recursively(q, depth - 1)
        return 10

    return 5 < q <= (inner() if depth else 10)


WORKING = [
    in_a_function,
    in_a_lambda,
    in_a_comprehension,
    in_a_generator,
    in_a_class_body,
    in_executed_code,
    in_evaluated_code,
    at_the_end_of_a_function,
    over_lines,
    with_conditions_in_the_last_operand,
    with_a_choice_in_the_last_operand,
    with_a_chain_of_another_handle_inside,
    with_a_comprehension_in_the_last_operand,
    followed_by_a_comparison,
    as_a_default,
    assigned_on_the_way,
    in_a_loop,
    in_a_finally,
    in_a_choice,
    in_a_match,
    walrus_in_the_middle,
    in_a_coroutine,
    recursively,
]


@pytest.fixture(params=[False, True], ids=["plain", "traced"])
def traced(request):
    """Run the test a second time under a trace function, as in a debugger or under coverage."""

    def trace(frame, event, arg):
        frame.f_trace_opcodes = True
        return trace

    before = sys.gettrace()
    if request.param:
        sys.settrace(trace)
    yield request.param
    sys.settrace(before)


@pytest.mark.parametrize("chain", WORKING)
def test_a_chain_gives_both_bounds(chain, traced):
    for q in (p.x, p.x):
        text = repr(chain(q))
        assert text == "(p.x > 5) & (p.x <= 10)"


def test_a_chain_inside_formatted_text_gives_both_bounds(traced):
    found = inside_formatted_text(p.x)
    assert found == "(p.x > 5) & (p.x <= 10)"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("5 < q < 10", "(p.x > 5) & (p.x < 10)"),
        ("10 >= q > 5", "(p.x <= 10) & (p.x > 5)"),
        ("5 <= q <= 10", "(p.x >= 5) & (p.x <= 10)"),
        ("5 < q != 7", "(p.x > 5) & (p.x != 7)"),
        ("5 < q == 7", "(p.x > 5) & (p.x == 7)"),
        ("5 < q != None", "(p.x > 5) & p.x.isnotnull"),
        ("'a' <= q < 'b'", "(p.x >= 'a') & (p.x < 'b')"),
        ("(1 < q < 2) | (3 < q < 4)", "((p.x > 1) & (p.x < 2)) | ((p.x > 3) & (p.x < 4))"),
        ("[1 < q < 2, q < 3]", "[(p.x > 1) & (p.x < 2), p.x < 3]"),
        ("~(1 < q < 2)", "~((p.x > 1) & (p.x < 2))"),
        ("1 < q.month < 2", "(p.x.month > 1) & (p.x.month < 2)"),
    ],
)
@pytest.mark.parametrize("padding", [0, 300], ids=["short", "long"])
def test_chains_of_every_operator_in_code_of_any_length(source, text, padding, traced):
    # 300 names and constants before the chain make CPython prefix its instructions with EXTENDED_ARG.
    body = "".join(f"v{number} = {number}.5\n" for number in range(padding))
    scope = {"q": p.x}
    exec(f"{body}found = {source}\n", scope)
    assert repr(scope["found"]) == text
    exec("def f(q):\n" + textwrap.indent(f"{body}return {source}\n", "    "), scope)
    assert repr(scope["f"](p.x)) == text


def test_a_chain_jumps_over_a_long_last_operand():
    operand = "limit(" + ", ".join(f"v{number}" for number in range(300)) + ", q < 3)"
    scope = {"q": p.x, "limit": limit, **{f"v{number}": number for number in range(300)}}
    found = eval(f"5 < q <= {operand}", scope)
    assert repr(found) == "(p.x > 5) & (p.x <= 10)"


class Programs:
    """Makes pairs of sources at random: one with chained ranges, nested anyhow, and one that spells them out."""

    OPERATORS = ("<", "<=", ">", ">=")
    OPERANDS = (
        "f({0}, {1})",
        "[{0}, {1}][1]",
        "(lambda: [{0}, {1}][1])()",
        "({1} if [{0}] else 1)",
        "max({1}, *[i for i in range(3) if [{0}]])",
        "next(f({0}, i) for i in [{1}])",
        "(yes and f({0}, {1}))",
    )
    BODIES = (
        "return {0}",
        "e = {0}\nreturn e",
        "for _ in range(2):\n    e = {0}\nreturn e",
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    return {0}\nfinally:\n    e = {0}",
        "return ([{0}], {0})",
        "while [{0}]:\n    return {0}",
        "if yes:\n    return {0}\nreturn 3",
    )

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pair(self):
        chained, spelled = self.expression(4)
        body = self.random.choice(self.BODIES)
        return [f"def g(q, z):\n{textwrap.indent(body.format(one), '    ')}" for one in (chained, spelled)]

    def expression(self, depth):
        handle, chance = self.random.choice(["q", "q", "z", "p.w"]), self.random.random()
        first, second = self.random.choice(self.OPERATORS), self.random.choice([*self.OPERATORS, "==", "!="])
        if depth <= 0 or chance < 0.15:
            single = f"({handle} {first} {self.random.randint(0, 9)})"
            return single, single
        if chance < 0.75:
            low, high = self.operand(depth - 1), self.operand(depth - 1)
            return (
                f"({low[0]} {first} {handle} {second} {high[0]})",
                f"(({low[1]} {first} {handle}) & ({handle} {second} {high[1]}))",
            )
        joint, left, right = self.random.choice("&|"), self.expression(depth - 1), self.expression(depth - 1)
        return f"({left[0]} {joint} {right[0]})", f"({left[1]} {joint} {right[1]})"

    def operand(self, depth):
        number = str(self.random.randint(0, 9))
        if depth <= 0 or self.random.random() < 0.3:
            return number, number
        template, inner = self.random.choice(self.OPERANDS), self.expression(depth)
        return template.format(inner[0], number), template.format(inner[1], number)


@pytest.mark.parametrize("seed", range(0, 300, 100))
def test_chains_nested_anyhow_mean_what_they_spell_out(seed):
    for number in range(seed, seed + 100):
        results = []
        for source in Programs(number).pair():
            scope = {"p": p, "f": lambda _condition, value: value, "yes": True}
            exec(source, scope)
            results.append(repr(scope["g"](p.x, p.y)))
        assert results[0] == results[1]


# What must never be silent


def by_and(q):
    return (q > 5) and (q < 10)


def by_and_backwards(q):
    low, high = 5, 10
    return (low < q) and (high > q)


def by_or(q):
    return (q > 5) or (q < 10)


def by_not(q):
    return not (q > 5)


def by_if(q):
    if q > 5:
        return 1
    return 2


def by_if_of_a_chain(q):
    if 5 < q < 10:
        return 1
    return 2


def by_while_of_a_chain(q):
    while 5 < q < 10:
        return 1
    return 2


def by_and_of_chains(q):
    return 5 < q < 10 and 20 < q < 30


def by_and_in_an_if(q):
    if 5 < q < 10 and q:
        return 1
    return 2


def by_not_of_a_chain(q):
    return not 5 < q < 10


def by_bool(q):
    return bool(q > 5)


def by_assert(q):
    exec("assert q > 5", {"q": q})


def by_assert_of_a_chain(q):
    exec("assert 5 < q < 10", {"q": q})


def by_conditional(q):
    return 1 if q > 5 else 2


def by_filter(q):
    return list(filter(None, [q > 5]))


def by_all(q):
    return all([q > 5])


def by_membership(q):
    return q in [1, 2]


def by_membership_in_a_chain(q):
    return 5 < q in []


def by_identity_in_a_chain(q):
    return 5 < q is q


def by_list_comparison(q):
    return [5] < [q] < [10]


def by_list_equality(q):
    return [5] == [q] == []


def by_if_of_list_equality(q):
    if [5] == [q] == []:
        return 1
    return 2


def by_sorting(q):
    return sorted([q, 5])


def by_a_long_chain(q):
    return 1 < q < 5 < 10


def by_a_long_chain_of_properties(q):
    return 1 < q < 5 < p.y


def by_a_chain_around_a_value(q):
    return q < 5 < p.y


def by_a_chain_around_a_value_and_itself(q):
    return q < 5 < q


def by_a_chain_of_properties(q):
    return q < p.y < 5


def by_a_chain_that_ends_in_a_property(q):
    return 5 < q < p.y


def by_equality_in_a_chain(q):
    return 5 == q == 5


def by_equality_before_a_range(q):
    return 5 == q < 7


def by_a_stored_condition(q):
    low = 5
    condition = low < q
    return condition and q < 10


def by_any_stored_condition_in_an_if(q):
    condition = 5 < q <= 10
    if condition:
        return 1
    return 2


def by_a_condition_in_the_last_operand(q):
    return 5 < q < (q and 3)


def by_a_conditional_last_operand(q):
    return 5 < q < (1 if q > 3 else 2)


LOUD = [value for name, value in list(globals().items()) if name.startswith("by_")]


@pytest.mark.parametrize("use", LOUD)
def test_no_other_truth_test_is_silent(use, traced):
    q = p.x
    with pytest.raises(TypeError, match="no truth value|not with another property"):
        use(q)
    assert repr(q < 10) == "p.x < 10"


@pytest.mark.parametrize("use", [by_and, by_or, by_not, by_if, by_bool, by_if_of_a_chain, by_a_long_chain])
def test_the_error_says_what_to_write(use):
    with pytest.raises(TypeError, match=NO_TRUTH + r".*write \(p.x > 5\) & \(p.x <= 10\)"):
        use(p.x)


def test_a_reused_handle_remembers_nothing():
    q = p.x
    first, second = q > 1, q < 5
    assert [repr(first), repr(second)] == ["p.x > 1", "p.x < 5"]
    with pytest.raises(TypeError, match=NO_TRUTH):
        by_if(q)
    assert repr(q < 5) == "p.x < 5"


def test_an_abandoned_chain_leaves_nothing_behind():
    q = p.x

    def chain(low, high):
        return low < q <= high()

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            chain(5, lambda: 1 / 0)
    assert repr(q <= 10) == "p.x <= 10"
    found = chain(7, lambda: 10)
    assert repr(found) == "(p.x > 7) & (p.x <= 10)"
    with pytest.raises(BadRequestError, match="use isnull or isnotnull"):
        chain(5, lambda: None)
    assert repr(q <= 10) == "p.x <= 10"


def test_an_abandoned_chain_is_not_taken_up_by_the_next_call_of_the_function():
    q = p.x

    def chain(low, middle, high):
        return low < middle <= high()

    with pytest.raises(ZeroDivisionError):
        chain(5, q, lambda: 1 / 0)
    found = chain(1, 2, lambda: q)
    assert repr(found) == "p.x >= 2"


def test_threads_may_share_a_handle():
    q, found = p.x, []
    barrier = threading.Barrier(4)

    def high():
        barrier.wait(timeout=30)
        return 10

    def work(low):
        found.extend((low, repr(low < q <= high())) for _ in range(50))

    threads = [threading.Thread(target=work, args=(low,)) for low in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200
    assert {text for low, text in found if low == 2} == {"(p.x > 2) & (p.x <= 10)"}
    assert all(text == f"(p.x > {low}) & (p.x <= 10)" for low, text in found)


def test_generators_may_share_a_handle():
    q = p.x

    def chain(low):
        yield low < q <= (yield)

    running = [chain(1), chain(2)]
    for one in running:
        next(one)
    found = [repr(one.send(10)) for one in running]
    assert found == ["(p.x > 1) & (p.x <= 10)", "(p.x > 2) & (p.x <= 10)"]


def test_without_column_numbers_a_plain_chain_works_and_a_doubtful_one_is_loud():
    program = textwrap.dedent(
        """
        from localcat.expressions.properties import properties as p
        q = p.x
        print(5 < q <= 10)
        def doubtful():
            return 5 < q <= len([q > 3])
        try:
            print(doubtful())
        except TypeError as error:
            print(type(error).__name__)
        """
    )
    command = [sys.executable, "-X", "no_debug_ranges", "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert result.stdout.splitlines() == ["(p.x > 5) & (p.x <= 10)", "TypeError"]
