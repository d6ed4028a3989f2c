"""The API over HTTP, for any server: from a request to its response, with limits, threads, streams and transfers."""
