from uuid import uuid4

from stellary import Stellary

name = f"acme-{uuid4().hex[:6]}"  # a new account on each run, so that you can repeat it
client = Stellary.register("http://localhost:3001", f"jane@{name}.example", "a-long-password")
client.organizations.create(name="Acme", slug=name)
client.organization(name).workspaces.create(name="Engineering", slug="eng")
ws = client.workspace(name, "eng")
board = ws.project(ws.projects.create(name="Q1 Launch", template_id="development"))
backlog, *_, done = board.columns.list()
card = board.cards.create(backlog, title="Write the spec", priority="high")
board.cards.update(card, column_id=done)  # omitted fields keep their values; None clears a field
board.show()  # rendered in a notebook, text in a terminal
