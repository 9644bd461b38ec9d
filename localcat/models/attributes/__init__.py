"""The kinds of attribute: each declares its rules, its documentation and how it is stored."""
