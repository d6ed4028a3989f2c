"""The forms and links of an HTML page, read with the standard library, and sent as a browser sends them."""

from html.parser import HTMLParser
from urllib.parse import urlencode


class Html(HTMLParser):
    """A page.

    Attributes:
        forms: The fields of each form and the names of its buttons, by the value of its button.
        links: The addresses of the links, by their text.
        tags: The names of all elements.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self.links: dict[str, str] = {}
        self.tags: set[str] = set()
        self._link: str | None = None
        self._name: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        if tag == "form":
            self.forms.append({"action": values["action"]})
        elif tag in ("input", "button") and "name" in values:
            self.forms[-1][values["name"]] = values.get("value", "")
        elif tag in ("textarea", "select"):
            self._name = values["name"]
            self.forms[-1][self._name] = ""
        elif tag == "option" and "selected" in values:
            self.forms[-1][self._name or ""] = values["value"]
        self._link = values.get("href") if tag == "a" else self._link

    def handle_endtag(self, tag: str) -> None:
        self._link = None if tag == "a" else self._link
        self._name = None if tag == "textarea" else self._name

    def handle_data(self, data: str) -> None:
        if self._link is not None:
            self.links[data.strip()] = self._link
        elif self._name is not None and self.lasttag == "textarea":
            # A browser leaves out the first line break.
            self.forms[-1][self._name] += data.removeprefix("\n")

    def find_form(self, do: str, **typed: str) -> dict[str, str]:
        """Return the fields of the first form with a button of this value, or none, with what was typed into it."""
        form = next(form for form in self.forms if form.get("do", "") == do)
        assert typed.keys() <= form.keys(), (do, form)
        return form | typed


def encode(form: dict[str, str]) -> bytes:
    """Return the body of a form."""
    return urlencode({name: value for name, value in form.items() if name != "action"}).encode()
