"""Streams of events, and the relay that carries signals between processes."""
