"""How ``5 < p.x <= 10`` can give both bounds while ``if p.x > 5`` stays an error.

Python reads ``a < b < c`` as ``a < b and b < c``, with `b` evaluated once: it makes the first comparison, asks for its
truth, and makes the second only if that was true. The object that ``5 < p.x`` returns is asked for its truth in the
same way by ``and``, ``or``, ``not`` and ``if``, where any answer would be silently wrong. So the truth test looks at
the code that asked.

CPython compiles every comparison of a chain but the last one as ``SWAP 2, COPY 2, COMPARE_OP``, to keep the middle
operand for the next comparison, and puts COPY 2 right before COMPARE_OP for nothing else. A truth test that directly
follows such a comparison belongs to a chain; any other does not. All comparisons of one chain carry the source position
of the whole chain, so the one that ends it can be told from those inside its last operand:
``5 < q < limit(q > 3)``.

Where the code cannot be read so (another interpreter, a compiled caller, a later CPython that compiles chains in
another way), no truth test is ever recognised, and the error says what to write instead: the failure is loud.
Tested on CPython 3.11, 3.12 and 3.13; the compiler of 3.14 writes the same instructions for a chain.
"""

from __future__ import annotations

import dis
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType

from localcat.expressions.nodes import Op

_OPS = {"<": Op.LT, "<=": Op.LE, ">": Op.GT, ">=": Op.GE, "==": Op.EQ, "!=": Op.NE}
_LINKS = ("COMPARE_OP", "CONTAINS_OP", "IS_OP")


@dataclass(frozen=True, slots=True)
class Link:
    """A comparison in a chain that is followed by another one with the same middle operand.

    `op` and `next_op` are the operators as written, `next_offset` is the position of the next comparison in the code.
    """

    op: Op
    next_op: Op
    next_offset: int  # bytes, as in ``frame.f_lasti``


def link_at(frame: FrameType) -> Link | None:
    """Return the comparison of a chain whose truth a frame is asking for at this moment, if that is what it does."""
    return _links(frame.f_code).get(frame.f_lasti)


@lru_cache(maxsize=256)  # a filter built in a loop is read once
def _links(code: CodeType) -> Mapping[int, Link]:
    """Find the chains in a code object; the key is the offset of the instruction that tests the truth."""
    links = {}
    instructions = [one for one in dis.get_instructions(code) if one.opname not in ("EXTENDED_ARG", "NOP", "CACHE")]
    for position, instruction in enumerate(instructions):
        if instruction.opname == "COMPARE_OP" and position and _is_copy(instructions[position - 1], 2):
            test = _truth_test(instructions, position)
            following = _next_link(instructions, position)
            if test is not None and following is not None:
                links[test.offset] = Link(_op(instruction), _op(following), following.offset)
    return links


def _is_copy(instruction: dis.Instruction, depth: int) -> bool:
    return instruction.opname == "COPY" and instruction.arg == depth


def _op(comparison: dis.Instruction) -> Op:
    # 3.13 shows a comparison that tests the truth of its result itself as "bool(<)".
    return _OPS[str(comparison.argval).removeprefix("bool(").removesuffix(")")]


def _truth_test(instructions: list[dis.Instruction], comparison: int) -> dis.Instruction | None:
    """Return the instruction that tests the truth of a comparison's result, if it follows directly."""
    if str(instructions[comparison].argval).startswith("bool("):
        return instructions[comparison]
    after = instructions[comparison + 1]
    if _is_copy(after, 1):
        after = instructions[comparison + 2]
    return after if after.opname == "TO_BOOL" or "JUMP_IF_FALSE" in after.opname else None


def _next_link(instructions: list[dis.Instruction], comparison: int) -> dis.Instruction | None:
    """Return the next comparison of the chain; None if it is another comparison, or in doubt."""
    whole = instructions[comparison].positions
    later = [one for one in instructions[comparison + 1 :] if one.opname in _LINKS]
    if whole is not None and None not in (whole.lineno, whole.end_lineno, whole.col_offset, whole.end_col_offset):
        following = next((one for one in later if one.positions == whole), None)
    else:
        # The program runs without column numbers (-X no_debug_ranges). The jump after a failed test leads behind the
        # chain, so the only comparison before its target must be the one; among several, it cannot be found.
        jump = next((one for one in instructions[comparison + 1 :] if "JUMP_IF_FALSE" in one.opname), None)
        within = [one for one in later if jump is not None and one.offset < jump.argval]
        following = within[0] if len(within) == 1 else None
    return following if following is not None and following.opname == "COMPARE_OP" else None
