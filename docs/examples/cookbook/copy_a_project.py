"""Copy a project.

Exports a project and imports it under another name, with columns, cards, labels, custom fields and comments. `not_carried` lists what
the copy lacks, such as assignees who are no longer members. With attachments, use `export_archive` and `import_archive`.
"""

from stellary import Board, Project, Workspace


def copy_project(ws: Workspace, board: Board, name: str) -> Project:
    content = board.export().to_dict()
    content["project"]["name"] = name
    imported = ws.projects.import_file(content)
    for item in imported.not_carried:
        print(f"{item.path}: {item.reason}")
    return ws.project(imported).get()
