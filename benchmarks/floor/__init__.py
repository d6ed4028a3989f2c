"""The floor: a server for one board as somebody would write it by hand: raw SQL, one table per thing, no layers.

It answers the same JSON as ours and writes the same rows, and does nothing else that ours does: no validation, no policies,
no versions to compare, no idempotency, no limits.
"""
