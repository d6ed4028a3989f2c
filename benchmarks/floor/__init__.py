"""The floor: a hand-written server for one board, with raw SQL, one table per kind of item, and no layers.

It answers the same JSON as ours and writes the same rows, and does nothing else that ours does: no validation, no policies,
no versions to compare, no idempotency, no limits.
"""
