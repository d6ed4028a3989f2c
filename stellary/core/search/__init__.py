"""Search: an index of texts, updated in the transaction of each change, and its queries."""
