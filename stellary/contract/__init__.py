"""The contract: what may be said over the wire. Data only, no I/O."""
