"""Benchmarks: the server beside a bare handler and beside raw SQL, interleaved in one run, so that ratios hold."""
