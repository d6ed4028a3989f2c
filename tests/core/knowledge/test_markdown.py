"""Markdown: what is written is read as the same document again, and no text is too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.errors import Invalid
from stellary.contract.rich_text import DEPTH_MAX, RichText, nodes
from stellary.core.knowledge.rules.markdown_inline import MARKS
from stellary.core.knowledge.rules.markdown_reading import BLOCKS_MAX, from_markdown
from stellary.core.knowledge.rules.markdown_writing import to_markdown
from tests.cost import quickest


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


# ---------------------------------------------------------------------------------------------- what is read as what


@pytest.mark.parametrize(
    ("markdown", "document"),
    [
        ("", doc(paragraph())),
        ("\n \n\t\n", doc(paragraph())),
        ("a\nb  \nc\\\nd<br>e", doc(paragraph("a b", BREAK, "c", BREAK, "d", BREAK, "e"))),
        ("&nbsp;", doc(paragraph())),
        ("&amp;\n`a`\nb", doc(paragraph("& ", text("a", "code"), " b"))),
        ("**a **b** c** d", doc(paragraph(text("a b c", "bold"), " d"))),
        ("# A #\n## B#\n#C\n####### D", doc(heading(1, "A"), heading(2, "B#"), paragraph("#C ####### D"))),
        ("A\nb\n===\nC\n---", doc(heading(1, "A b"), heading(2, "C"))),
        ("#", doc(heading(1))),
        ("- - -\n***\n_ _ _", doc(RULE, RULE, RULE)),
        ("> a\nb\n>\n> c\n\nd", doc(quote(paragraph("a b"), paragraph("c")), paragraph("d"))),
        (">", doc(quote(paragraph()))),
        ("- a\n+ b\n+ c", doc(bullets([paragraph("a")]), bullets([paragraph("b")], [paragraph("c")]))),
        (
            "3. a\n9. b\n1) c",
            doc(numbers(3, [paragraph("a")], [paragraph("b")]), numbers(1, [paragraph("c")])),
        ),
        ("- a\n\n  b\n- c", doc(bullets([paragraph("a"), paragraph("b")], [paragraph("c")]))),
        ("-\n  a\n-", doc(bullets([paragraph("a")], [paragraph()]))),
        ("-\n\n  a", doc(bullets([paragraph()]), paragraph("a"))),
        ("- - a", doc(bullets([paragraph(), bullets([paragraph("a")])]))),
        ("-     code", doc(bullets([paragraph(), code("code")]))),
        ("a\n2. b\n- c", doc(paragraph("a 2. b"), bullets([paragraph("c")]))),
        ("    a\n\n\tb\n \nc", doc(code("a\n\nb"), paragraph("c"))),
        ("a\n    b", doc(paragraph("a b"))),
        ("```c++ x\n  a\n``` b\n````\nc", doc(code("  a\n``` b", "c++"), paragraph("c"))),
        ("~~~\na", doc(code("a"))),
        ("  ```\n   a\n  ```", doc(code(" a"))),
        ("``` `\na", doc(paragraph("``` ` a"))),
        ("> ```\n> a\nb", doc(quote(code("a")), paragraph("b"))),
        ("-\ta\n\n\tb", doc(bullets([paragraph("a"), paragraph("b")]))),
        (
            "*a* _b_ **c** __d__ ***e***",
            doc(
                paragraph(
                    text("a", "italic"),
                    " ",
                    text("b", "italic"),
                    " ",
                    text("c", "bold"),
                    " ",
                    text("d", "bold"),
                    " ",
                    text("e", "bold", "italic"),
                )
            ),
        ),
        ("~~a~~ ++b++ ~c~ +d+", doc(paragraph(text("a", "strike"), " ", text("b", "underline"), " ~c~ +d+"))),
        ("a_b_c 2 * 3 * 4 ** a", doc(paragraph("a_b_c 2 * 3 * 4 ** a"))),
        ("`` a`b `` `c", doc(paragraph(text("a`b", "code"), " `c"))),
        (
            '[a *b*](http://c "d") [e](<f g>)',
            doc(
                paragraph(
                    text("a ", "http://c"),
                    {
                        **text("b"),
                        "marks": [{"type": "link", "attrs": {"href": "http://c"}}, {"type": "italic"}],
                    },
                    " ",
                    {**text("e"), "marks": [{"type": "link", "attrs": {"href": "f g"}}]},
                )
            ),
        ),
        (
            "[a](b [c](d e) [i] ]( [j](k 'l)",
            doc(paragraph("[a](b [c](d e) [i] ]( [j](k 'l)")),
        ),
        (
            "[a](javascript:b) <javascript:c> [d](<e",
            doc(paragraph("[a](javascript:b) <javascript:c> [d](<e")),
        ),
        ("[a [b](http://c) d](http://e)", doc(paragraph("[a ", text("b", "http://c"), " d](http://e)"))),
        ("<http://a.b?c> <d> <b>", doc(paragraph(text("http://a.b?c", "http://a.b?c"), " <d> <b>"))),
        ("&amp; &#65; &#x41; &#0; &nothing; \\& \\a", doc(paragraph("& A A \ufffd &nothing; & \\a"))),
        ("![a](http://b)", doc(paragraph("!", text("a", "http://b")))),
        ("|a|\n|-|", doc(paragraph("|a| |-|"))),
        (
            "[x](a\\)b(c)) y",
            doc(paragraph({**text("x"), "marks": [{"type": "link", "attrs": {"href": "a)b(c)"}}]}, " y")),
        ),
        ("[x](" + "(" * 40 + ")" * 40 + ")", doc(paragraph("[x](" + "(" * 40 + ")" * 40 + ")"))),
    ],
)
def test_markdown_is_read_as_commonmark_has_it(markdown, document):
    assert from_markdown(markdown) == document


@pytest.mark.parametrize(
    ("document", "markdown"),
    [
        (doc(), ""),
        (doc(paragraph()), ""),
        (doc(paragraph("a"), paragraph(), paragraph("b")), "a\n\n&nbsp;\n\nb"),
        (doc(bullets([paragraph("a")], [paragraph("b"), bullets([paragraph("c")])])), "- a\n- b\n  - c"),
        (doc(bullets([paragraph("a")]), bullets([paragraph("b")])), "- a\n\n* b"),
        (doc(numbers(9, [paragraph("a")], [paragraph("b")])), "9. a\n10. b"),
        (doc(numbers(1, [paragraph("a"), paragraph("b")])), "1. a\n\n   b"),
        (doc(quote(paragraph("a"), code("b\n\nc"))), "> a\n>\n> ```\n> b\n>\n> c\n> ```"),
        (doc(code("```", "py")), "````py\n```\n````"),
        (doc(code("a", "two words")), "```\na\n```"),
        (doc(code("a", "`\\&")), "```&#96;&#92;&#38;\na\n```"),
        (doc(heading(2, "a", BREAK, "b #")), "## a<br>b \\#"),
        (doc(paragraph("a", BREAK, "b", BREAK)), "a\\\nb<br>"),
        (doc(paragraph("x", text(" a ", "bold"), "y")), "&#120;**&#32;a&#32;**&#121;"),
        (doc(paragraph("1. a"), paragraph("- a"), paragraph(" a ")), "1\\. a\n\n\\- a\n\n&#32;a&#32;"),
        (doc(paragraph("!", text("a", "http://b"))), "\\![a](http://b)"),
        (doc(paragraph(text("a", "javascript:b"), text("c", "highlight"))), "ac"),
        (doc(paragraph(text("`", "code"))), "`` ` ``"),
        ({**doc(paragraph("a")), "content": [text("a"), paragraph("b")]}, "a\n\nb"),
        # What TipTap's starter kit does not know: nothing that is said is lost.
        (
            doc(
                {
                    "type": "table",
                    "content": [
                        {"type": "tableRow", "content": [{"type": "tableCell", "content": [paragraph("a")]}]}
                    ],
                }
            ),
            "a",
        ),
        (
            doc(
                {
                    "type": "taskList",
                    "content": [
                        {"type": "taskItem", "attrs": {"checked": True}, "content": [paragraph("a")]}
                    ],
                }
            ),
            "- a",
        ),
        (
            doc(
                paragraph(
                    {"type": "mention", "attrs": {"id": "jane"}}, {"type": "mention"}, {"type": "emoji"}
                )
            ),
            "@jane",
        ),
        (doc({"type": "image", "attrs": {"src": "a"}}), ""),
        (doc({"type": "bulletList"}, {"type": "blockquote"}, paragraph("a")), "> &nbsp;\n\na"),
        (doc({"type": "bulletList", "content": [{"type": "listItem"}]}), "- &nbsp;"),
        (
            doc(
                {**heading(1, "a"), "attrs": {"level": "x"}}, {**numbers(1, [paragraph("b")]), "attrs": None}
            ),
            "# a\n\n1. b",
        ),
        (
            doc(
                {
                    "type": "paragraph",
                    "content": [{"type": "text", "text": "a", "marks": [{"type": "link", "attrs": None}]}],
                }
            ),
            "a",
        ),
    ],
)
def test_a_document_is_written_as_people_write(document, markdown):
    assert to_markdown(document) == markdown


# ---------------------------------------------------------------------------------------------- no text is too much

UNITS = [
    "*", "_", "**a ", "*a_ ", "a**b", "[", "![", "[a](", "[a](b", "[a](<b", '[a](b "', "](", "]", "`", "`a", "``a`", "\\",
    "<", "<a:", "<br>", "&", "&#", "&amp;", ">", "> ", "- ", "1. ", "- a\n  ", ">" * 40 + "\n", "- " * 40 + "\n", "#",
    "# #", "    \n", "\t", "```\n", "~~", "++a", "a\n", "a  \n", "a\n===\n", "* * ", "[[a](b)", "*[a](b)*", "**_~~++",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_no_text_takes_longer_than_its_length_allows(unit):
    text = unit * (8_000 // len(unit))
    # It takes some hundredths. What looks at each character for each other one takes many seconds.
    assert quickest(lambda: to_markdown(from_markdown(text)), tries=2) < 0.5


def test_what_is_nested_too_deeply_stays_a_text():
    for unit in (">", "- ", "1. "):
        read = from_markdown(unit * 100 + "a")
        assert max(depth for _, depth in nodes(read)) <= DEPTH_MAX
        assert from_markdown(to_markdown(read)) == read


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (5, "nodes that are objects with a type"),
        ({"type": ""}, "nodes that are objects with a type"),
        ({"type": "a", "content": "x"}, "nodes whose content is a list"),
        ({"type": "a", "attrs": []}, "nodes whose attrs are an object"),
        ({"type": "text", "text": ""}, "text nodes with a text that is not empty"),
        ({"type": "text", "text": "a", "marks": ["bold"]}, "marks that are objects with a type"),
        (
            {"type": "text", "text": "a", "marks": [{"type": "b", "attrs": 5}]},
            "marks whose attrs are an object",
        ),
    ],
    ids=map(str, range(7)),
)
def test_what_is_wrong_with_a_node_is_told(node, said):
    assert RichText().problem(doc(node)) == f"must have {said}"
    assert RichText().problem({"type": "page"}) == 'must be a TipTap document: an object whose type is "doc"'


def test_a_text_of_more_blocks_than_fit_is_given_up():
    with pytest.raises(Invalid, match="content must be at most 1 MB as a TipTap document"):
        from_markdown("---\n" * (BLOCKS_MAX + 1))


def test_what_is_no_document_is_told():
    deep = {"type": "paragraph"}
    for _ in range(DEPTH_MAX):
        deep = {"type": "blockquote", "content": [deep]}
    assert RichText().problem(doc(deep)) == "must not have nodes nested deeper than 32"
    assert RichText().problem(5) == "must be a TipTap document, or a text in Markdown"
    assert RichText().schema() == {"type": ["object", "string"]}


def test_where_markdown_is_not_taken_a_text_is_none():
    alone = RichText(markdown=False)
    assert alone.problem("# A") == alone.problem(5) == "must be a TipTap document"
    assert alone.problem(doc({"type": "paragraph"})) is None
    assert alone.schema() == {"type": "object"}
