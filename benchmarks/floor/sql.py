"""The statements of the floor, with a question mark for each value."""

from __future__ import annotations

MEMBER = """
    FROM organizations AS o
    JOIN workspaces AS w ON w.organization_id = o.id AND w.slug = ?
    JOIN workspace_members AS m ON m.workspace_id = w.id AND m.user_id = ?
    JOIN projects AS p ON p.workspace_id = w.id AND p.id = ?
"""
PROJECT = f"SELECT w.id AS workspace_id, p.id, p.key {MEMBER} WHERE o.slug = ?"
CARD = f"""
    SELECT w.id AS workspace_id, p.key, c.* {MEMBER}
    JOIN cards AS c ON c.project_id = p.id AND c.id = ?
    WHERE o.slug = ?
"""
CARDS = "SELECT * FROM cards WHERE project_id = ? ORDER BY column_id, position, id"
ALL_LABELS = """
    SELECT l.card_id, l.label_id FROM card_labels AS l JOIN cards AS c ON c.id = l.card_id WHERE c.project_id = ?
"""
ALL_ITEMS = """
    SELECT i.card_id, i.id, i.title, i.done, i.position
    FROM checklist_items AS i JOIN cards AS c ON c.id = i.card_id WHERE c.project_id = ? ORDER BY i.position
"""
ALL_COUNTS = """
    SELECT 0 AS kind, x.card_id, count(*) AS number
    FROM comments AS x JOIN cards AS c ON c.id = x.card_id WHERE c.project_id = ? GROUP BY x.card_id
    UNION ALL
    SELECT 1, x.card_id, count(*)
    FROM attachments AS x JOIN cards AS c ON c.id = x.card_id WHERE c.project_id = ? GROUP BY x.card_id
"""
LABELS = "SELECT label_id FROM card_labels WHERE card_id = ?"
ITEMS = "SELECT * FROM checklist_items WHERE card_id = ? ORDER BY position"
COUNTS = """
    SELECT (SELECT count(*) FROM comments WHERE card_id = ?), (SELECT count(*) FROM attachments WHERE card_id = ?),
        (SELECT count(*) FROM cards WHERE column_id = ? AND position < ? AND NOT archived)
"""
COLUMN = "SELECT * FROM columns WHERE id = ? AND project_id = ?"
# Locked, since 16 movers would otherwise run into deadlocks and equal positions.
BOTH_COLUMNS = "SELECT * FROM columns WHERE id IN (?, ?) AND project_id = ? ORDER BY id FOR NO KEY UPDATE"
NUMBER = "UPDATE projects SET last_number = last_number + 1 WHERE id = ? RETURNING last_number"
LAST = "SELECT position FROM cards WHERE column_id = ? AND NOT archived ORDER BY position DESC LIMIT 1"
BETWEEN = """
    SELECT position FROM cards WHERE column_id = ? AND id != ? AND NOT archived ORDER BY position LIMIT 2 OFFSET ?
"""
COMMENTERS = "SELECT DISTINCT author_id FROM comments WHERE card_id = ?"
MOVE = """
    UPDATE cards SET column_id = ?, scope_id = ?, position = ?, status = ?, completed_at = ?,
        version = version + 1, updated_at = ?
    WHERE id = ? RETURNING *
"""
USER = "SELECT * FROM users WHERE id = ?"
ADD_LABEL = "INSERT INTO card_labels VALUES (?, ?)"
ADD_ACTIVITY = "INSERT INTO activities VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
ADD_SEARCH_ENTRY = "INSERT INTO search_entries VALUES (?, ?, ?, ?, ?, ?)"
ADD_NOTIFICATION = "INSERT INTO notifications VALUES (?, ?, ?, NULL)"
