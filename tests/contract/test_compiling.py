"""Functions that are compiled from generated source."""

import traceback

from stellary.contract.compiling import compile_function


def test_traceback_shows_the_line_of_generated_source():
    functions = [
        compile_function("divide", "one, other", [f"scale = {scale}", "return scale * one / other"], {})
        for scale in (1, 2)
    ]
    assert functions[1](6, 3) == 4
    for function in functions:
        try:
            function(1, 0)
        except ZeroDivisionError as error:
            text = traceback.format_exception(error)[-2]
    assert "line 3, in divide" in text
    assert "    return scale * one / other" in text
