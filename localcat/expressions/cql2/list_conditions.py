"""Conditions on lists in the words of CQL2, as every reader takes them.

``p.tags == "x"`` asks whether the list has the element; elsewhere ``tags = 'x'`` compares a list with a text, and the
standard writes ``a_contains``. Of a list that is unset that is unknown there, and false here, which negation turns
around; so it is first asked whether the list is set.
"""

from __future__ import annotations

from collections.abc import Collection

from localcat.expressions.nodes import (
    And,
    AnyOf,
    Comparison,
    IsNotNull,
    ListRelation,
    ListTest,
    Node,
    Not,
    Op,
    Or,
    Ref,
)


def with_list_tests(node: Node, lists: Collection[str]) -> Node:
    """Return a tree with the same answers, in which no list is compared with an element.

    Parameters
    ----------
    node : Node
        The tree.
    lists : collection of str
        The attributes that are lists.
    """

    def is_list(ref: Ref) -> bool:
        return ref.attribute in lists and not ref.keys

    def rewritten(node: Node) -> Node:
        match node:
            case Comparison(ref, Op.EQ, value) if is_list(ref):
                return And((IsNotNull(ref), ListTest(ref, ListRelation.CONTAINS, (value,))))
            case Comparison(ref, Op.NE, value) if is_list(ref):
                return And((IsNotNull(ref), Not(ListTest(ref, ListRelation.CONTAINS, (value,)))))
            case AnyOf(ref, values) if is_list(ref) and values:
                return And((IsNotNull(ref), ListTest(ref, ListRelation.OVERLAPS, values)))
            case And(parts):
                return And(tuple(map(rewritten, parts)))
            case Or(parts):
                return Or(tuple(map(rewritten, parts)))
            case Not(part):
                return Not(rewritten(part))
            case _:  # not about a list
                return node

    return rewritten(node)
