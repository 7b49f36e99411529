r"""Names and texts of others, shown inertly: none of them moves a cursor or starts a formula.

>>> shown("run\x1b[31m\n")
'run\\x1b[31m\\n'
>>> in_picture("a $b$")
'a \\$b\\$'
"""


def shown(text: object) -> str:
    """With escapes for what cannot be printed: control characters, bytes that are not UTF-8."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in str(text)
    )


def in_picture(text: object) -> str:
    """`shown`, and for matplotlib, which takes what is between dollar signs for a formula."""
    return shown(text).replace("$", r"\$")
