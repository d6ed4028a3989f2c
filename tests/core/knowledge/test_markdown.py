"""Markdown: what is written is read as the same document again, and no text is too much."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.rich_text import RichText
from stellary.core.knowledge.rules.markdown_inline import MARKS
from stellary.core.knowledge.rules.markdown_reading import from_markdown
from stellary.core.knowledge.rules.markdown_writing import to_markdown


def doc(*content):
    return {"type": "doc", "content": list(content)}


def text(said, *marks):
    made = [{"type": "link", "attrs": {"href": mark}} if ":" in mark else {"type": mark} for mark in marks]
    return {"type": "text", "text": said} | ({"marks": made} if made else {})


def paragraph(*content):
    content = [text(each) if isinstance(each, str) else each for each in content]
    return {"type": "paragraph"} | ({"content": content} if content else {})


def heading(level, *content):
    return {**paragraph(*content), "type": "heading", "attrs": {"level": level}}


def bullets(*items):
    return {"type": "bulletList", "content": [{"type": "listItem", "content": list(item)} for item in items]}


def numbers(start, *items):
    return {**bullets(*items), "type": "orderedList", "attrs": {"start": start}}


def quote(*content):
    return {"type": "blockquote", "content": list(content)}


def code(said, language=None):
    made = {"type": "codeBlock", "attrs": {"language": language}}
    return made | ({"content": [{"type": "text", "text": said}]} if said else {})


BREAK, RULE = {"type": "hardBreak"}, {"type": "horizontalRule"}

# ---------------------------------------------------------------------------------------------- any document

HARD = "*_`~+[]()<>&#!\\|-=.:;\"' \t\n1a\u00e9\u00a0\u2028\x0b{}"
SAID = st.text(
    st.sampled_from(HARD) | st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"),
    min_size=1,
    max_size=12,
)
HREFS = st.sampled_from(["https://a.b/c_d?e=*f*&amp=1", "mailto:a@b.c", "/x (y) <z>", "", "#a\\b c"])


def inlines():
    marks = st.tuples(st.sets(st.sampled_from(MARKS[1:]), max_size=3), st.none() | HREFS)

    def made(said, marks):
        kinds, href = marks
        if "code" in kinds:
            said = said.replace("\n", " ")
        found = [{"type": "link", "attrs": {"href": href}}] if href is not None else []
        found += [{"type": kind} for kind in MARKS if kind in kinds]
        return {"type": "text", "text": said} | ({"marks": found} if found else {})

    return st.lists(st.builds(made, SAID, marks) | st.just(BREAK), max_size=6).map(joined)


def joined(content):
    """Texts of the same marks as one, as an editor has them."""
    found = []
    for each in content:
        same = found and each["type"] == found[-1]["type"] == "text"
        if same and found[-1].get("marks") == each.get("marks"):
            found[-1] = {**each, "text": found[-1]["text"] + each["text"]}
        else:
            found.append(each)
    return found


LEAVES = st.one_of(
    inlines().map(lambda content: paragraph(*content)),
    st.builds(lambda level, content: heading(level, *content), st.integers(1, 6), inlines()),
    st.builds(
        code, st.text(st.sampled_from("`~ \n\ta#>-"), max_size=12), st.none() | st.sampled_from(["py", "c++"])
    ),
    st.just(RULE),
)


def containers(inner):
    blocks = st.lists(inner, min_size=1, max_size=3)
    items = st.lists(
        st.builds(lambda first, rest: [paragraph(*first), *rest], inlines(), st.lists(inner, max_size=2)),
        min_size=1,
        max_size=3,
    )
    return st.one_of(
        blocks.map(lambda content: quote(*content)),
        items.map(lambda content: bullets(*content)),
        st.builds(lambda start, content: numbers(start, *content), st.integers(0, 1_000), items),
    )


DOCUMENTS = st.lists(st.recursive(LEAVES, containers, max_leaves=6), min_size=1, max_size=4).map(
    lambda content: doc(*content)
)


@given(DOCUMENTS)
def test_what_is_written_is_read_as_the_same(document):
    assert from_markdown(to_markdown(document)) == document


MARKDOWN = st.text(st.sampled_from("*_`~+[](<>&#!\\-=.:; \n\n\t1ab)"), max_size=60) | st.lists(
    st.sampled_from(
        [
            "- ",
            "> ",
            "1. ",
            "2) ",
            "    ",
            "\n",
            "\n\n",
            "```",
            "a",
            "# ",
            "---",
            "**",
            "`",
            "<br>",
            "&nbsp;",
            "[a](b)",
            "\t",
            "* ",
            "===",
        ]
    ),
    max_size=25,
).map("".join)


@given(MARKDOWN)
def test_any_text_is_a_document_that_stays_the_same_when_it_is_written(markdown):
    read = from_markdown(markdown)
    assert RichText().problem(read) is None
    assert from_markdown(to_markdown(read)) == read
