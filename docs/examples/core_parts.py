"""Options of an embedded core: file storage, a webhook sender, a planner, and running jobs.

Run it: ``python docs/examples/core_parts.py``.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from reference_server.webhook_sender import HttpWebhookSender
from stellary import Stellary
from stellary.contract.wizard import Deliverable, Phase, Roadmap
from stellary.core import Core, Retention
from stellary.core.ports.blob_stores import open_blobs
from stellary.core.ports.planner import Brief, Refinement


def create_cores(folder: Path) -> list[Core]:
    """Create cores that store files in a folder and in a bucket."""
    url = f"sqlite:///{folder / 'stellary.db'}"
    # --8<-- [start:blobs]
    local = Core(url, blobs=folder / "files")
    bucket = open_blobs("s3://stellary/files", endpoint="http://localhost:9000", region="eu-1")
    remote = Core(url, blobs=bucket)
    # --8<-- [end:blobs]
    return [local, remote]


# --8<-- [start:planner]
class Weekly:
    """A planner that asks no questions, and plans a week for each text."""

    def refine(self, brief: Brief, round: int) -> Refinement:
        return Refinement(questions=(), score=100)

    def plan(self, brief: Brief) -> Roadmap:
        weeks = [text for text in brief.texts if text.content]
        return Roadmap(
            start_date=None,
            days=7 * len(weeks),
            phases=[_week(number, text.title or brief.name) for number, text in enumerate(weeks)],
            notes=[],
            not_understood=[],
        )


def _week(number: int, title: str) -> Phase:
    first, last = 7 * number, 7 * number + 6
    card = Deliverable(
        title=title, description=None, priority=None, checklist=[], start_day=first, end_day=last
    )
    return Phase(
        name=f"Week {number + 1}", description=None, start_day=first, end_day=last, deliverables=[card]
    )


# --8<-- [end:planner]


def main() -> None:
    """Plan a project in process, send webhook messages, and back up the database."""
    with TemporaryDirectory() as directory:
        folder = Path(directory)
        for other in create_cores(folder):
            other.close()
        # --8<-- [start:parts]
        core = Core(
            f"sqlite:///{folder / 'stellary.db'}",
            blobs=folder / "files",
            retention=Retention(notification_days=30, audit_days=365),
            planner=Weekly(),
            webhook_sender=HttpWebhookSender(),  # requires the extra "server"
        )
        # --8<-- [end:parts]
        core.migrate()
        client = Stellary.embedded(core.port(core.user(external_id="42", email="jane@example.com")))
        client.organizations.create(name="Acme", slug="acme")
        client.organization("acme").workspaces.create(name="Engineering", slug="eng")
        ws = client.workspace("acme", "eng")
        ws.webhooks.create(url="https://hooks.example.com/stellary", events=["comment_deleted"])

        draft = ws.project_drafts.create(name="Web shop", description="Sell things.")
        handle = ws.project_drafts(draft)
        roadmap = handle.generate_roadmap().roadmap
        assert roadmap is not None
        print([phase.name for phase in roadmap.phases])

        # --8<-- [start:jobs]
        core.work.run_due()  # runs due jobs in this thread, and returns their number
        core.work.start()  # or runs jobs in a background thread
        core.work.stop()
        for job in core.work.jobs(given_up=True):
            core.work.retry(job.id)
        # --8<-- [end:jobs]

        # --8<-- [start:post]
        core.webhook_worker.run_due()  # sends due webhook messages in this thread
        core.webhook_worker.start()  # or sends them in background threads
        core.webhook_worker.stop()
        # --8<-- [end:post]

        # --8<-- [start:retention]
        core.sweep()  # deletes old rows, and files that no row refers to
        # --8<-- [end:retention]

        # --8<-- [start:backup]
        backup = core.back_up(folder / "backup")
        print(f"{backup.files} files, {len(backup.lost)} lost")
        # --8<-- [end:backup]
        core.close()


if __name__ == "__main__":
    main()
