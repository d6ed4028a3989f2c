"""Markdown round trips: documents with any TipTap extension survive being written and read."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stellary.contract.rich_text import RichText
from stellary.core.knowledge.rules.markdown_reading import from_markdown
from stellary.core.knowledge.rules.markdown_writing import to_markdown

HARD = "*_`~+[]()<>&#!\\|-=.:;\"' \t\n1a\u00e9\u00a0\u2028\x0b{}x/"
TEXTS = st.text(
    st.sampled_from(HARD) | st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"),
    min_size=1,
    max_size=10,
)
HREFS = st.sampled_from(["https://a.b/c_d?e=*f*&amp=1", "mailto:a@b.c", "/x (y) <z>|", "", '#a\\b "c', "<b"])

# ---------------------------------------------------------------------------------------------- what is not kept

DEFAULTS = {
    "link": {"target": "_blank", "rel": "noopener noreferrer nofollow"},
    "tableCell": {"colspan": 1, "rowspan": 1},
    "tableHeader": {"colspan": 1, "rowspan": 1},
    "orderedList": {"start": 1},
    "taskItem": {"checked": False},
}
MARK_ORDER = ["link", "bold", "italic", "strike", "underline", "highlight", "subscript", "superscript"]


def normalize(node):
    """Return a node without what Markdown does not keep.

    These are: attributes that are null or the defaults of TipTap's extensions, empty attributes, marks and content,
    the order of marks and a mark that is there twice, and where a text is divided into nodes of the same marks.
    """
    defaults = DEFAULTS.get(node["type"], {})
    attributes = {
        name: value
        for name, value in (node.get("attrs") or {}).items()
        if value is not None and (name not in defaults or value != defaults[name])
    }
    marks = []
    for mark in map(normalize, node.get("marks") or []):
        if mark not in marks:
            marks.append(mark)
    marks.sort(
        key=lambda mark: [*MARK_ORDER, mark["type"]].index(mark["type"]) if mark["type"] != "code" else 99
    )
    content = []
    for inner in map(normalize, node.get("content") or []):
        last = content[-1] if content else {}
        if inner["type"] == "text" == last.get("type") and inner.get("marks") == last.get("marks"):
            content[-1] = {**inner, "text": last["text"] + inner["text"]}
        else:
            content.append(inner)
    other_fields = {name: value for name, value in node.items() if name not in ("attrs", "marks", "content")}
    kept_fields = {"attrs": attributes, "marks": marks, "content": content}
    return other_fields | {name: value for name, value in kept_fields.items() if value}


# ---------------------------------------------------------------------------------------------- any document


def node(type, content=None, /, **attributes):
    new_node = {"type": type}
    if attributes:
        new_node["attrs"] = attributes
    return new_node if content is None else new_node | {"content": content}


def optional_attributes(**attributes):
    """Return a strategy for attributes of which each may be missing or null."""
    return st.fixed_dictionaries(
        {}, optional={name: st.none() | values for name, values in attributes.items()}
    )


def with_attributes(type, attributes):
    return lambda content: attributes.map(
        lambda attributes_: {"type": type, "attrs": attributes_, "content": content}
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
ALIGNED = optional_attributes(textAlign=st.sampled_from(["left", "center", "right", "justify"]))
COLORS = st.sampled_from(["#ff0", "<|`>", "red\\"])

LINKS = st.builds(
    lambda href, more: {"type": "link", "attrs": {"href": href, **more}},
    HREFS,
    optional_attributes(
        target=st.sampled_from(["_blank", "_self"]),
        rel=st.just("noopener noreferrer nofollow"),
        title=st.sampled_from(['a "b" \\ &amp; |c', "d"]),
    ),
)
MARKS = st.one_of(
    st.sampled_from(["bold", "italic", "strike", "underline", "code", "subscript", "superscript"]).map(
        lambda name: {"type": name}
    ),
    optional_attributes(color=COLORS).map(lambda attributes: {"type": "highlight", "attrs": attributes}),
    COLORS.map(lambda color: {"type": "textStyle", "attrs": {"color": color}}),
    st.just({"type": "spoiler"}),
)
MARK_LISTS = st.builds(
    lambda marks, link: list({mark["type"]: mark for mark in [*marks, *link]}.values()),
    st.lists(MARKS, max_size=3),
    st.lists(LINKS, max_size=1),
)


def with_marks(inlines):
    return st.builds(lambda inline, marks: inline | ({"marks": marks} if marks else {}), inlines, MARK_LISTS)


IMAGES = st.builds(
    lambda src, more: {"type": "image", "attrs": {"src": src, **more}},
    st.sampled_from(["https://a.b/c (d).png", "/e|f.png"]),
    optional_attributes(alt=TEXTS, title=TEXTS, width=st.integers(1, 9)),
)
INLINES = st.lists(
    st.one_of(
        with_marks(TEXTS.map(lambda value: {"type": "text", "text": value})),
        with_marks(TEXTS.map(lambda value: {"type": "text", "text": value})),
        with_marks(st.just({"type": "hardBreak"})),
        with_marks(st.just({"type": "mention", "attrs": {"id": "ann", "label": "Ann <|`>"}})),
        with_marks(IMAGES),
        st.builds(
            lambda attributes: {"type": "emoji", "attrs": attributes},
            st.dictionaries(TEXTS, JSON, max_size=2),
        ),
    ),
    max_size=5,
)
PARAGRAPHS = INLINES.flatmap(with_attributes("paragraph", ALIGNED | st.just({})))
LEAVES = st.one_of(
    PARAGRAPHS,
    st.builds(
        lambda level, attributes, content: {
            "type": "heading",
            "attrs": {"level": level, **attributes},
            "content": content,
        },
        st.integers(1, 7),
        ALIGNED,
        INLINES,
    ),
    st.builds(
        lambda language, source: {
            "type": "codeBlock",
            "attrs": {"language": language},
            "content": [{"type": "text", "text": source}] if source else [],
        },
        st.none() | st.sampled_from(["py", "c++", "tiptap", "a b", "", "`\\&amp;"]),
        st.text(st.sampled_from("`~ \n\ta#>-{}|\r"), max_size=12),
    ),
    IMAGES,
    st.sampled_from([node("horizontalRule"), node("youtube", src="https://a.b"), node("details")]),
)


def tables(inner):
    def cells(type):
        attributes = optional_attributes(
            colspan=st.integers(1, 2),
            rowspan=st.integers(1, 2),
            colwidth=st.just([200]),
            align=st.just("left"),
        )
        contents = st.one_of(
            PARAGRAPHS.map(lambda only: [only]),
            INLINES.map(lambda content: [node("paragraph", content)]),
            IMAGES.map(lambda image: [image]),
            st.lists(inner, max_size=2),
        )
        return st.builds(
            lambda attributes_, content: {"type": type, "attrs": attributes_, "content": content},
            attributes,
            contents,
        )

    def rows(width):
        heads = st.lists(cells("tableHeader"), min_size=width, max_size=width)
        bodies = st.lists(cells("tableCell") | cells("tableHeader"), min_size=width, max_size=width)
        return st.builds(
            lambda head, body: node("table", [node("tableRow", row) for row in [*head, *body]]),
            st.lists(heads, max_size=1),
            st.lists(bodies, max_size=2),
        )

    return st.integers(1, 3).flatmap(rows)


def containers(inner):
    blocks = st.lists(inner, max_size=3)
    items = st.lists(
        st.builds(lambda first, more: [first, *more], PARAGRAPHS, st.lists(inner, max_size=2)),
        min_size=1,
        max_size=3,
    )
    loose = st.lists(blocks, max_size=2)
    return st.one_of(
        blocks.map(lambda content: node("blockquote", content)),
        (items | loose).map(lambda items_: node("bulletList", [node("listItem", item) for item in items_])),
        st.builds(
            lambda attributes, items_: {
                "type": "orderedList",
                "attrs": attributes,
                "content": [node("listItem", item) for item in items_],
            },
            optional_attributes(start=st.integers(0, 1_000), type=st.just("a")),
            items,
        ),
        st.builds(
            lambda checked, items_: node(
                "taskList", [node("taskItem", item, checked=checked) for item in items_]
            ),
            st.none() | st.booleans(),
            items,
        ),
        tables(inner),
        blocks.map(lambda content: node("callout", content, kind="warning")),
    )


DOCUMENTS = st.lists(st.recursive(LEAVES, containers, max_leaves=5), min_size=1, max_size=3).map(
    lambda content: node("doc", content)
)


def text(value, *marks):
    return {"type": "text", "text": value, "marks": [{"type": mark} for mark in marks]}


@given(DOCUMENTS)
@example(
    node("doc", [node("paragraph", [text("a", "bold"), {"type": "hardBreak", "marks": [{"type": "bold"}]}])])
)
@example(node("doc", [node("doc", [node("paragraph")])]))
@example(node("doc", [node("paragraph")], lang="fr"))
@example(node("doc", [text("a"), node("paragraph")]))
@example(
    node(
        "doc", [node("bulletList", [node("listItem", [{"type": "paragraph", "marks": [{"type": "bold"}]}])])]
    )
)
def test_document_survives_being_written_and_read(document):
    assert normalize(from_markdown(to_markdown(document))) == normalize(document)


@pytest.mark.slow("reads many random texts")
@given(DOCUMENTS)
def test_markdown_read_twice_is_written_the_same(document):
    markdown = to_markdown(document)
    assert to_markdown(from_markdown(markdown)) == markdown


MARKDOWN = st.text(st.sampled_from("*_`~+=[](<>&#!\\-|.:; \n\n\t1ab)x"), max_size=60) | st.lists(
    st.sampled_from([
        "- ", "> ", "1. ", "2) ", "    ", "\n", "\n\n", "```", "a", "# ", "---", "**", "`", "<br>", "&nbsp;", "[a](b)", "\t",
        "* ", "===", "- [ ] ", "- [x] ", "| a | b |\n", "|-|:-:|\n", "|", "![a](b)", "<sub>", "</sub>", "<u>", "==",
        "```tiptap\n", '{"type":"a"}', '<tiptap-mark {"type":"a"}>', "</tiptap-mark>", '<tiptap-node {"type":"a"}>',
        '<tiptap-block {"attrs":{"b":1}}>', '<tiptap-block {"type":"tableCell"}>', '{"type":"doc"}', "[a]: b\n", "[a]",
    ]),
    max_size=25,
).map("".join)  # fmt: skip


@given(MARKDOWN)
def test_every_text_is_a_document_that_stays_the_same(markdown):
    document = from_markdown(markdown)
    assert RichText().problem(document) is None
    assert normalize(from_markdown(to_markdown(document))) == normalize(document)
