"""The plain text of documents."""

from stellary.core.knowledge.rules.markdown_reading import from_markdown
from stellary.core.knowledge.rules.plain_text import plain_text


def test_each_block_is_a_line():
    markdown = "# Plan\n\nWe *fly* to **the\\\nmoon**.\n\n- soon\n- `now`\n"
    assert plain_text(from_markdown(markdown)) == "Plan\nWe fly to the\nmoon.\nsoon\nnow"


def test_plain_text_contains_mentions_and_image_descriptions():
    document = {
        "type": "doc",
        "content": [
            {
                "type": "paragraph",
                "content": [
                    {"type": "text", "text": "Ask "},
                    {"type": "mention", "attrs": {"id": "u1", "label": "Jane"}},
                    {"type": "mention", "attrs": {"id": "u2"}},
                    {"type": "mention"},
                    {"type": "image", "attrs": {"alt": "the moon", "src": "x"}},
                    {"type": "image"},
                ],
            }
        ],
    }
    assert plain_text(document) == "Ask @Jane@u2@\nthe moon"


def test_plain_text_of_an_empty_document_is_empty():
    assert plain_text({"type": "doc"}) == ""
