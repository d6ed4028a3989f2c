"""Well-formed and malformed multipart forms."""

BOUNDARY = b"the-boundary"
FORM = "multipart/form-data; boundary=the-boundary"


def part(data: bytes, disposition: bytes, type: bytes | None = b"text/plain") -> bytes:
    """Return a part of a form, with its boundary before it."""
    head = b"--" + BOUNDARY + b"\r\nContent-Disposition: " + disposition + b"\r\n"
    if type is not None:
        head += b"Content-Type: " + type + b"\r\n"
    return head + b"\r\n" + data + b"\r\n"


def form(data: bytes, name: bytes = b"hello.txt", type: bytes | None = b"text/plain") -> bytes:
    """Return a form with one file, whose name is quoted but not escaped."""
    return part(data, b'form-data; name="file"; filename="' + name + b'"', type) + END


END = b"--" + BOUNDARY + b"--\r\n"
