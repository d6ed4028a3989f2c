"""The path from a method of the client to a request, and from a response to its result."""
