"""Parts of the core that tests of other areas need, so that a module moves without them.

A test imports the area that it is about, and everything else from here or from ``stellary.core``. A name that many tests
of its own area need is here too. ``tests/house/test_layers.py`` checks this.
"""

# ruff: noqa: F401

from stellary.core import migrations
from stellary.core.accounts import (
    api_tokens,
    deletion,
    identities,
    invitations,
    login_attempts,
    oauth_grants,
    organizations,
    people,
)
from stellary.core.accounts.authentication import digest
from stellary.core.accounts.email_links import create_reset_link
from stellary.core.accounts.email_tokens import create_email_token
from stellary.core.accounts.identities import Identity, link_identity, sign_in
from stellary.core.accounts.organizations import create_organization
from stellary.core.accounts.rules import SEES_ALL
from stellary.core.accounts.sessions import start_session
from stellary.core.accounts.users import create_user, id_by_address
from stellary.core.accounts.workspaces import delete_workspace
from stellary.core.agents import running
from stellary.core.agents.agents import authenticate
from stellary.core.api import action_calls, dispatch, job_runner, transfers, usage
from stellary.core.api.copies import copy_database
from stellary.core.api.dispatch import ACCESS_BY_REF, ACTIONS, SERVICES, ServiceResponse
from stellary.core.api.job_runner import ATTEMPTS_MAX, HANDLERS, JobHandler, JobRunner
from stellary.core.api.uploads import FORM_MAX, Upload
from stellary.core.automations import traces
from stellary.core.automations.project_files import import_project
from stellary.core.automations.rules import occurrences
from stellary.core.automations.traces import TAKEN_OVER
from stellary.core.board import (
    attachments,
    cards,
    comments,
    custom_fields,
    imports,
    labels,
    project_members,
    projects,
    recurring,
    search_entries,
    time_entries,
)
from stellary.core.board import finding as board_finding
from stellary.core.board import listing as board_listing
from stellary.core.board.attachments import SWEEP_AFTER
from stellary.core.board.cards import create_card, update_card
from stellary.core.board.changes.settled_answers import settle_answer
from stellary.core.board.columns import list_columns
from stellary.core.board.comments import ROWS as CARD_COMMENTS
from stellary.core.board.order.locks import lock_columns
from stellary.core.board.projects import create_project, delete_project
from stellary.core.board.queries import card_counts, card_lists, card_pages, searching
from stellary.core.board.queries.card_filters import CONDITIONS
from stellary.core.board.rows import card_rows
from stellary.core.board.rules.card_counts import CardCount, Completion, ScopeProgress, percent
from stellary.core.board.rules.cards import replace_fields
from stellary.core.board.rules.name_matching import Candidate, find_matches, first_names
from stellary.core.db import database
from stellary.core.db.base import Ids, Json, system_clock
from stellary.core.db.database import Database
from stellary.core.db.postgres import LOCK_TIMEOUT, READERS, WRITERS
from stellary.core.db.statement_plans import ROWS_PER_INSERT
from stellary.core.http import streams as http_streams
from stellary.core.http.body import STANDARD
from stellary.core.http.limits import NO_LIMITS, Limits, RateLimit, parse_limit
from stellary.core.http.mcp.tools import TOOLS
from stellary.core.http.observers import AccessEntry
from stellary.core.http.threads import Threads
from stellary.core.insights import actions as insights_actions
from stellary.core.insights import flow as insights_flow
from stellary.core.kernel import actions, claims, grammars, jobs, paging, tracing
from stellary.core.kernel.actions import ActionList, Category
from stellary.core.kernel.batches import Batches, dump_in_parts
from stellary.core.kernel.events import CardUpdated
from stellary.core.kernel.grammars import Grammar
from stellary.core.kernel.item_changes import ITEM_CLASSES
from stellary.core.kernel.item_memory import ItemMemory
from stellary.core.kernel.jobs import LEASE
from stellary.core.kernel.owned_blobs import MARKER
from stellary.core.kernel.paging import Pages, belongs_to, belongs_to_any, equals_unindexed, make_cursor
from stellary.core.kernel.retention import BatchSize, CountLimit
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.signer import Signer
from stellary.core.kernel.trash_statements import LEFT_OUT
from stellary.core.kernel.unit import AgentLimits
from stellary.core.kernel.units import Units
from stellary.core.knowledge import listing as knowledge_listing
from stellary.core.knowledge.comments import ROWS as COMMENTS
from stellary.core.knowledge.documents import written_event
from stellary.core.knowledge.search_entries import document_entry
from stellary.core.migrations.history import PREFIX
from stellary.core.notifications import erasure, feed, purged_texts
from stellary.core.notifications.rules import OF_PILOTAGE
from stellary.core.notifications.stream import commit_watermark, stream_events
from stellary.core.notifications.visibility import READ_POLICIES
from stellary.core.pilotage.ledger import MISSIONS, TODOS
from stellary.core.ports import llm
from stellary.core.ports.blobs import new_key
from stellary.core.ports.llm import CallerGone, end_with_caller, end_without_caller
from stellary.core.ports.mail import Email
from stellary.core.ports.planner import Text
from stellary.core.search import indexing, search, windows
from stellary.core.streaming import streams
from stellary.core.trash import trash
from stellary.core.webhooks import queue
from stellary.core.webhooks.queue import LOAD_MAX
from stellary.core.webhooks.rules import retries
from stellary.core.webhooks.worker import WebhookWorker
from stellary.core.wizard.reader import BriefReader
from stellary.core.work import reminders
