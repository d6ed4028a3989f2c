"""How a method of the client becomes a request, and a response its result."""
