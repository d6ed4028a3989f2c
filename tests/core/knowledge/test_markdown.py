"""Markdown: written documents read back equal, and no text takes too long."""

import orjson
import pytest

from stellary.contract.errors import Invalid
from stellary.contract.rich_text import DEPTH_MAX, RichText, nodes
from stellary.core.knowledge.rules import markdown_reading
from stellary.core.knowledge.rules.markdown_reading import MARKS_MAX, TOKENS_MAX, from_markdown
from stellary.core.knowledge.rules.markdown_writing import to_markdown
from tests.support.cpu_time import measure_cpu_time
from tests.support.each_case import for_each


def doc(*content):
    return {"type": "doc", "content": list(content)}


def text(value, *marks):
    marks_ = [{"type": "link", "attrs": {"href": mark}} if ":" in mark else {"type": mark} for mark in marks]
    return {"type": "text", "text": value} | ({"marks": marks_} if marks_ else {})


def paragraph(*content):
    content = [text(item) if isinstance(item, str) else item for item in content]
    return {"type": "paragraph"} | ({"content": content} if content else {})


def heading(level, *content):
    return {**paragraph(*content), "type": "heading", "attrs": {"level": level}}


def bullets(*items):
    return {"type": "bulletList", "content": [{"type": "listItem", "content": list(item)} for item in items]}


def numbers(start, *items):
    return {**bullets(*items), "type": "orderedList", "attrs": {"start": start}}


def quote(*content):
    return {"type": "blockquote", "content": list(content)}


def code(source, language=None):
    block = {"type": "codeBlock", "attrs": {"language": language}}
    return block | ({"content": [{"type": "text", "text": source}]} if source else {})


titled = {"type": "link", "attrs": {"href": "http://c", "title": "d"}}


def link(href):
    return {"type": "link", "attrs": {"href": href}}


def image(src, **attributes):
    return {"type": "image", "attrs": {"src": src, **attributes}}


def centered_paragraph(value):
    return {**paragraph(value), "attrs": {"textAlign": "center"}}


def table(head, *rows):
    """Return a table of rows, each a list of paragraphs that are cells."""
    return {
        "type": "table",
        "content": [
            {"type": "tableRow", "content": [{"type": kind, "content": [cell]} for cell in row]}
            for kind, [row] in zip(["tableHeader", *["tableCell"] * len(rows)], [head, *rows], strict=True)
        ],
    }


def tasks(*items):
    items_ = [
        {"type": "taskItem", "attrs": {"checked": checked}, "content": list(content)}
        for checked, *content in items
    ]
    return {"type": "taskList", "content": items_}


BREAK, RULE = {"type": "hardBreak"}, {"type": "horizontalRule"}

CELL = {"type": "tableCell", "content": [paragraph("a")]}


def tiptap(node):
    """Return the block that stands for a node that Markdown cannot express."""
    return f"```tiptap\n{orjson.dumps(node).decode()}\n```"


# ---------------------------------------------------------------------------------------------- what is read as what


@for_each(
    "markdown, document",
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
                    {**text("a "), "marks": [titled]},
                    {**text("b"), "marks": [titled, {"type": "italic"}]},
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
        ("![a](http://b)", doc(image("http://b", alt="a"))),
        ("![](b 'c')\nd", doc(paragraph(image("b", title="c"), " d"))),
        ("[![a *b* ![c](d)](e)](f)", doc(paragraph(image("e", alt="a b !c") | {"marks": [link("f")]}))),
        ("|a|\n|-|", doc(table([[paragraph("a")]]))),
        (
            "a|b\n:-:|-\n\\|c\n\nd",
            doc(
                table([[centered_paragraph("a"), paragraph("b")]], [[centered_paragraph("|c"), paragraph()]]),
                paragraph("d"),
            ),
        ),
        (
            "- [ ] a\n- [X] b\n  - [ ]\n- c\n\n1. [ ] d",
            doc(
                tasks((False, paragraph("a")), (True, paragraph("b"), tasks((False, paragraph())))),
                bullets([paragraph("c")]),
                numbers(1, [paragraph("[ ] d")]),
            ),
        ),
        (
            "==a== <mark>b</mark> <u>c</u> H<sub>2</sub>O x<SUP>2</SUP> </sub> <sub>d",
            doc(
                paragraph(
                    text("a", "highlight"),
                    " ",
                    text("b", "highlight"),
                    " ",
                    text("c", "underline"),
                    " H",
                    text("2", "subscript"),
                    "O x",
                    text("2", "superscript"),
                    " </sub> <sub>d",
                )
            ),
        ),
        ("[a][b] [b]\n\n[b]: http://c", doc(paragraph(text("a", "http://c"), " ", text("b", "http://c")))),
        ('```tiptap\n{"type":"a"}\n```', doc({"type": "a"})),
        ('```tiptap\n{"type":5}\n```', doc(code('{"type":5}', "tiptap"))),
        ('```tiptap\n{"type":"doc","a":1}\n```', {"type": "doc", "a": 1}),
        ('a <tiptap-node {"type":5}> b', doc(paragraph('a <tiptap-node {"type":5}> b'))),
        ('<tiptap-mark {"type":"a"}>b</tiptap-mark>', doc(paragraph(text("b", "a")))),
        ('<tiptap-block {"type":"tableCell"}>b', doc(paragraph('<tiptap-block {"type":"tableCell"}>b'))),
        ("<b>a</b><script>", doc(paragraph("<b>a</b><script>"))),
        (
            "[x](a\\)b(c)) y",
            doc(paragraph({**text("x"), "marks": [{"type": "link", "attrs": {"href": "a)b(c)"}}]}, " y")),
        ),
        ("[x](" + "(" * 40 + ")" * 40 + ")", doc(paragraph("[x](" + "(" * 40 + ")" * 40 + ")"))),
    ],
)
def test_markdown_is_read_like_commonmark(markdown, document):
    assert from_markdown(markdown) == document


@for_each(
    "document, markdown",
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
        (doc(code("a", "two words")), tiptap(code("a", "two words"))),
        (doc(code("a", "`\\&")), "```&#96;&#92;&#38;\na\n```"),
        (doc(heading(2, "a", BREAK, "b #")), "## a<br>b \\#"),
        (doc(paragraph("a", BREAK, "b", BREAK)), "a\\\nb<br>"),
        (doc(paragraph("x", text(" a ", "bold"), "y")), "&#120;**&#32;a&#32;**&#121;"),
        (doc(paragraph("1. a"), paragraph("- a"), paragraph(" a ")), "1\\. a\n\n\\- a\n\n&#32;a&#32;"),
        (doc(paragraph("!", text("a", "http://b"))), "\\![a](http://b)"),
        (doc(paragraph(text("a", "javascript:b"), text("c", "highlight"))), "a==c=="),
        (doc(paragraph(text("`", "code"))), "`` ` ``"),
        (doc(text("a"), paragraph("b")), tiptap(text("a")) + "\n\nb"),
        (doc(table([[paragraph("a|b"), paragraph()]])), "| a\\|b |  |\n| --- | --- |"),
        (
            doc(
                table(
                    [[centered_paragraph("a"), paragraph("b")]],
                    [[centered_paragraph("c"), paragraph(BREAK, "d")]],
                )
            ),
            "| a | b |\n| :-: | --- |\n| c | <br>d |",
        ),
        (
            doc({"type": "table", "content": [{"type": "tableRow", "content": [CELL, CELL]}]}),
            '| <tiptap-block {"type":"tableCell"}>a | <tiptap-block {"type":"tableCell"}>a |\n| --- | --- |',
        ),
        (
            doc(table([[paragraph("a"), bullets([paragraph("b")])]])),
            tiptap(table([[paragraph("a"), bullets([paragraph("b")])]])),
        ),
        (
            doc(tasks((True, paragraph("a"), tasks((False, paragraph("b")))), (False, paragraph()))),
            "- [x] a\n  - [ ] b\n- [ ] &nbsp;",
        ),
        (doc(bullets([paragraph("[ ] a")])), "- \\[ \\] a"),
        (doc(centered_paragraph("a")), '<tiptap-block {"attrs":{"textAlign":"center"}}>a'),
        (
            doc(paragraph("a ", {"type": "mention", "attrs": {"id": "jane", "label": "J>"}})),
            'a <tiptap-node {"type":"mention","attrs":{"id":"jane","label":"J\\u003e"}}>',
        ),
        (
            doc(paragraph({**text("a"), "marks": [{"type": "highlight", "attrs": {"color": "#ff0"}}]})),
            '<tiptap-mark {"type":"highlight","attrs":{"color":"#ff0"}}>a</tiptap-mark>',
        ),
        (doc(paragraph("H", text("2", "subscript"), text("b", "underline"))), "H<sub>2</sub>++b++"),
        (doc(image("/a b", alt="c|]", title='"')), '![c|\\]](/a&#32;b "\\"")'),
        (doc(paragraph(image("a"))), "<tiptap-block {}>![](a)"),
        (doc(paragraph("!", image("a"))), "!![](a)"),
        (
            doc({"type": "callout", "content": [paragraph("a")]}),
            tiptap({"type": "callout", "content": [paragraph("a")]}),
        ),
        (doc({"type": "bulletList"}, paragraph("a")), tiptap({"type": "bulletList"}) + "\n\na"),
        (doc(bullets([])), tiptap(bullets([]))),
        (
            doc({**heading(1, "a"), "attrs": {"level": "x"}}),
            tiptap({**heading(1, "a"), "attrs": {"level": "x"}}),
        ),
        (doc({**numbers(1, [paragraph("b")]), "attrs": None}), "1. b"),
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
def test_document_is_written_as_idiomatic_markdown(document, markdown):
    assert to_markdown(document) == markdown


# ---------------------------------------------------------------------------------------------- no text is too much

UNITS = [
    "*", "_", "**a ", "*a_ ", "a**b", "[", "![", "[a](", "[a](b", "[a](<b", '[a](b "', "](", "]", "`", "`a", "``a`", "\\",
    "<", "<a:", "<br>", "<br ", "&", "&#", "&amp;", "&#32;", ">", "> ", "- ", "1. ", "- a\n  ", ">" * 40 + "\n", "#", "# #",
    "- " * 40 + "\n", "    \n", "\t", "```\n", "~~", "++a", "==a", "a\n", "a  \n", "a\\\n", "a\n===\n", "* * ", "[[a](b)",
    "*[a](b)*", "**_~~++", "|", "|a", "| a | b |\n|-|-|\n", "a|b\n-|-\n", "|-", "<sub>", "</sub>", "<sub>a</sub>", "<u>**",
    "<tiptap-mark {", '<tiptap-mark {"type":"a"}>x', "</tiptap-mark>", '<tiptap-node {"type":"a"}>', "<tiptap-node {}",
    "<tiptap-block {}>", '```tiptap\n{"type":"a"}\n```\n', "![a](b)", "![![", "[a]: b\n", "[a]:\n", "[a][", "- [ ] ", "- [x] a\n",
    ">- ", "> - a\n", "<http:", "<a@b.c",
]  # fmt: skip


# Where a link is defined, each bracket may begin one.
ENDED = [(unit, "") for unit in UNITS] + [(unit, "\n\n[a]: b") for unit in UNITS if "[" in unit]


@pytest.mark.parametrize(("unit", "ending"), ENDED)
def test_time_grows_with_the_length(unit, ending):
    def cost(length, enough=0.0):
        text = unit * (length // len(unit)) + ending
        return measure_cpu_time(lambda: to_markdown(from_markdown(text)), tries=2, enough=enough)

    # Four times the text takes four times as long; by the square it would take sixteen times, and seconds.
    assert cost(8_000, enough=0.2) < 0.2 or cost(16_000) < 9 * cost(4_000)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("*a ", "a* "), ("[", "](b)"), ("![", "](b)"), ("<sub>a", "</sub>"), ("++a ", "b++ "), ("**a ", "b** ")],
)
def test_time_grows_with_the_nesting(opening, closing):
    def cost(count, enough=0.0):
        text = opening * count + closing * count
        return measure_cpu_time(lambda: to_markdown(from_markdown(text)), tries=2, enough=enough)

    assert cost(2_000, enough=0.2) < 0.2 or cost(4_000) < 9 * cost(1_000)


def test_marks_in_each_other_do_not_multiply():
    opening = "".join(f'<tiptap-mark {{"type":"m{number}"}}>x' for number in range(2_000))
    with pytest.raises(Invalid, match="content must be at most 1 MB as a TipTap document"):
        from_markdown(opening + "</tiptap-mark>" * 2_000)


def test_link_definition_does_not_multiply():
    with pytest.raises(Invalid, match="content must be at most 1 MB as a TipTap document"):
        from_markdown("[a] " * 1_000 + f"\n\n[a]: {'b' * 2_000}")


def test_excessive_marks_are_refused():
    for text in ("*" * (MARKS_MAX + 1), "[" * (MARKS_MAX // 10 + 1)):
        with pytest.raises(Invalid, match="content must have at most 300 000 characters that could be marks"):
            from_markdown(text)


def test_too_deeply_nested_markup_stays_text():
    for unit in (">", "- ", "1. "):
        read = from_markdown(unit * 100 + "a")
        assert max(depth for _, depth in nodes(read)) <= DEPTH_MAX
        assert from_markdown(to_markdown(read)) == read


@pytest.mark.parametrize(
    ("node", "message"),
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
def test_problem_of_a_node_is_named(node, message):
    assert RichText().problem(doc(node)) == f"must have {message}"
    assert RichText().problem({"type": "page"}) == 'must be a TipTap document: an object whose type is "doc"'


@pytest.mark.slow("reads a text of maximum size")
def test_text_of_too_many_blocks_is_refused():
    with pytest.raises(Invalid, match="content must be at most 1 MB as a TipTap document"):
        from_markdown("---\n" * (TOKENS_MAX + 1))


def test_last_block_within_the_limit_is_read(monkeypatch):
    monkeypatch.setattr(markdown_reading, "TOKENS_MAX", 2)
    assert len(from_markdown("---\n" * 2)["content"]) == 2
    with pytest.raises(Invalid, match="at most 1 MB"):
        from_markdown("---\n" * 3)


def test_invalid_document_is_refused():
    deep = {"type": "paragraph"}
    for _ in range(DEPTH_MAX):
        deep = {"type": "blockquote", "content": [deep]}
    assert RichText().problem(doc(deep)) == "must not have nodes nested deeper than 32"
    assert RichText().problem(5) == "must be a TipTap document, or a text in Markdown"
    assert RichText().schema() == {"type": ["object", "string"]}


def test_text_is_no_document_where_markdown_is_not_accepted():
    alone = RichText(markdown=False)
    assert alone.problem("# A") == alone.problem(5) == "must be a TipTap document"
    assert alone.problem(doc({"type": "paragraph"})) is None
    assert alone.schema() == {"type": "object"}
