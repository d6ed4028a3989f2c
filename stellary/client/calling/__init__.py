"""The calls of the client: a method becomes a request, and the response becomes the method's result."""
