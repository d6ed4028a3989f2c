"""The colours of a built site: CSS variables resolved as a browser does, and the contrast between two of them."""

import colorsys
import re
from collections.abc import Iterable

Color = tuple[float, float, float, float]
"""Red, green, blue and opacity, from 0 to 1."""

RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
VARIABLE = re.compile(r"(--[\w-]+)\s*:\s*([^;]+)")
OWN_ATTRIBUTES = ("data-md-color-primary", "data-md-color-accent", "data-md-color-scheme")


def read_variables(sheets: Iterable[str], attributes: dict[str, str]) -> dict[str, str]:
    """Return the CSS variables that apply to the body, of the rules that select it by its attributes.

    Args:
        sheets: The style sheets in the order of the page.
        attributes: The attributes of the body by name.
    """
    variables: dict[str, tuple[int, str]] = {}
    for sheet in sheets:
        for selectors, declarations in RULE.findall(re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)):
            weight = max([selector_weight(selector.strip(), attributes) for selector in selectors.split(",")])
            for name, value in VARIABLE.findall(declarations) if weight >= 0 else ():
                if weight >= variables.get(name, (0, ""))[0]:
                    variables[name] = (weight, value.strip())
    return {name: value for name, (_, value) in variables.items()}


def selector_weight(selector: str, attributes: dict[str, str]) -> int:
    """Return how specific a selector of the body is, or -1 if it selects something else."""
    if selector == ":root":
        return 0
    conditions = re.findall(r'\[([\w-]+)="?([\w-]+)"?\]', selector)
    if not conditions or re.sub(r'\[([\w-]+)="?([\w-]+)"?\]', "", selector):
        return -1
    return len(conditions) if all(attributes.get(name) == value for name, value in conditions) else -1


def resolve(variables: dict[str, str], name: str) -> Color:
    """Return the colour of a variable."""
    value = variables[name]
    while "var(" in value:
        value = re.sub(r"var\((--[\w-]+)\)", lambda match: variables[match[1]], value)
    return parse_color(value)


def parse_color(text: str) -> Color:
    """Return the colour of a CSS value: ``#rgb``, ``#rrggbb``, ``#rrggbbaa`` or ``hsla(…)``."""
    if text.startswith("#"):
        digits = text[1:]
        if len(digits) in (3, 4):
            digits = "".join(digit * 2 for digit in digits)
        parts = [int(digits[start : start + 2], 16) / 255 for start in range(0, len(digits), 2)]
        red, green, blue, *opacity = parts
        return red, green, blue, opacity[0] if opacity else 1.0
    hue, saturation, lightness, opacity_text = (
        part.strip() for part in text.removeprefix("hsla(")[:-1].split(",")
    )
    percents = (float(part.removesuffix("%")) / 100 for part in (lightness, saturation))
    return (*colorsys.hls_to_rgb(float(hue.removesuffix("deg")) / 360, *percents), float(opacity_text))


def contrast(foreground: Color, background: Color) -> float:
    """Return the contrast ratio of WCAG 2 between a colour and an opaque background."""
    opacity = foreground[3]
    blended = [
        opacity * above + (1 - opacity) * below
        for above, below in zip(foreground[:3], background[:3], strict=True)
    ]
    lighter, darker = sorted((luminance(blended), luminance(background[:3])), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(channels: Iterable[float]) -> float:
    """Return the relative luminance of a colour."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
