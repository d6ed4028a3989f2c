"""Markdown: documents of every kind that TipTap's extensions make survive being written and read again."""

from __future__ import annotations

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


def normalized(node):
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
    for mark in map(normalized, node.get("marks") or []):
        if mark not in marks:
            marks.append(mark)
    marks.sort(
        key=lambda mark: [*MARK_ORDER, mark["type"]].index(mark["type"]) if mark["type"] != "code" else 99
    )
    content = []
    for inner in map(normalized, node.get("content") or []):
        last = content[-1] if content else {}
        if inner["type"] == "text" == last.get("type") and inner.get("marks") == last.get("marks"):
            content[-1] = {**inner, "text": last["text"] + inner["text"]}
        else:
            content.append(inner)
    found = {name: value for name, value in node.items() if name not in ("attrs", "marks", "content")}
    kept = {"attrs": attributes, "marks": marks, "content": content}
    return found | {name: value for name, value in kept.items() if value}


# ---------------------------------------------------------------------------------------------- any document


def node(type, content=None, /, **attributes):
    made = {"type": type}
    if attributes:
        made["attrs"] = attributes
    return made if content is None else made | {"content": content}


def optional(**attributes):
    """Return a strategy for attributes of which each may be missing or null."""
    return st.fixed_dictionaries({}, optional={name: st.none() | made for name, made in attributes.items()})


def with_attributes(type, attributes):
    return lambda content: attributes.map(lambda said: {"type": type, "attrs": said, "content": content})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
ALIGNED = optional(textAlign=st.sampled_from(["left", "center", "right", "justify"]))
COLORS = st.sampled_from(["#ff0", "<|`>", "red\\"])

LINKS = st.builds(
    lambda href, more: {"type": "link", "attrs": {"href": href, **more}},
    HREFS,
    optional(
        target=st.sampled_from(["_blank", "_self"]),
        rel=st.just("noopener noreferrer nofollow"),
        title=st.sampled_from(['a "b" \\ &amp; |c', "d"]),
    ),
)
MARKS = st.one_of(
    st.sampled_from(["bold", "italic", "strike", "underline", "code", "subscript", "superscript"]).map(
        lambda name: {"type": name}
    ),
    optional(color=COLORS).map(lambda said: {"type": "highlight", "attrs": said}),
    COLORS.map(lambda color: {"type": "textStyle", "attrs": {"color": color}}),
    st.just({"type": "spoiler"}),
)
MARK_LISTS = st.builds(
    lambda marks, link: list({mark["type"]: mark for mark in [*marks, *link]}.values()),
    st.lists(MARKS, max_size=3),
    st.lists(LINKS, max_size=1),
)


def marked(made):
    return st.builds(lambda inline, marks: inline | ({"marks": marks} if marks else {}), made, MARK_LISTS)


IMAGES = st.builds(
    lambda src, more: {"type": "image", "attrs": {"src": src, **more}},
    st.sampled_from(["https://a.b/c (d).png", "/e|f.png"]),
    optional(alt=TEXTS, title=TEXTS, width=st.integers(1, 9)),
)
INLINES = st.lists(
    st.one_of(
        marked(TEXTS.map(lambda said: {"type": "text", "text": said})),
        marked(TEXTS.map(lambda said: {"type": "text", "text": said})),
        marked(st.just({"type": "hardBreak"})),
        marked(st.just({"type": "mention", "attrs": {"id": "ann", "label": "Ann <|`>"}})),
        marked(IMAGES),
        st.builds(lambda said: {"type": "emoji", "attrs": said}, st.dictionaries(TEXTS, JSON, max_size=2)),
    ),
    max_size=5,
)
PARAGRAPHS = INLINES.flatmap(with_attributes("paragraph", ALIGNED | st.just({})))
LEAVES = st.one_of(
    PARAGRAPHS,
    st.builds(
        lambda level, said, content: {
            "type": "heading",
            "attrs": {"level": level, **said},
            "content": content,
        },
        st.integers(1, 7),
        ALIGNED,
        INLINES,
    ),
    st.builds(
        lambda language, said: {
            "type": "codeBlock",
            "attrs": {"language": language},
            "content": [{"type": "text", "text": said}] if said else [],
        },
        st.none() | st.sampled_from(["py", "c++", "tiptap", "a b", "", "`\\&amp;"]),
        st.text(st.sampled_from("`~ \n\ta#>-{}|\r"), max_size=12),
    ),
    IMAGES,
    st.sampled_from([node("horizontalRule"), node("youtube", src="https://a.b"), node("details")]),
)


def tables(inner):
    def cells(type):
        attributes = optional(
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
            lambda said, content: {"type": type, "attrs": said, "content": content}, attributes, contents
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
        st.builds(lambda first, rest: [first, *rest], PARAGRAPHS, st.lists(inner, max_size=2)),
        min_size=1,
        max_size=3,
    )
    loose = st.lists(blocks, max_size=2)
    return st.one_of(
        blocks.map(lambda content: node("blockquote", content)),
        (items | loose).map(lambda found: node("bulletList", [node("listItem", item) for item in found])),
        st.builds(
            lambda said, found: {
                "type": "orderedList",
                "attrs": said,
                "content": [node("listItem", item) for item in found],
            },
            optional(start=st.integers(0, 1_000), type=st.just("a")),
            items,
        ),
        st.builds(
            lambda checked, found: node(
                "taskList", [node("taskItem", item, checked=checked) for item in found]
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


def text(said, *marks):
    return {"type": "text", "text": said, "marks": [{"type": mark} for mark in marks]}


@given(DOCUMENTS)
@example(
    node("doc", [node("paragraph", [text("a", "bold"), {"type": "hardBreak", "marks": [{"type": "bold"}]}])])
)
@example(node("doc", [node("doc", [node("paragraph")])]))
@example(node("doc", [node("paragraph")], lang="fr"))
@example(node("doc", [text("a"), node("paragraph")]))
def test_document_survives_being_written_and_read(document):
    assert normalized(from_markdown(to_markdown(document))) == normalized(document)


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
    assert normalized(from_markdown(to_markdown(document))) == normalized(document)
