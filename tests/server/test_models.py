"""Language models configured with environment variables, at an endpoint that speaks the protocol of OpenAI."""

from pathlib import Path

import pytest

from stellary import Stellary
from stellary.core import Core
from tests.core.wizard.draft_api import BRIEF
from tests.core.wizard.test_model_planner import PLAN, READY
from tests.server.processes import run_process, running_worker
from tests.support.provider import calls, run_provider

MODEL = "openai-chat:some"


@pytest.mark.slow("runs a worker beside a server")
def test_server_plans_and_runs_agents_with_the_configured_model(tmp_path: Path):
    with run_provider() as provider:
        environment = {
            "STELLARY_PLANNER_MODEL": MODEL,
            "STELLARY_AGENT_MODELS": MODEL,
            "OPENAI_BASE_URL": provider.url,
            "OPENAI_API_KEY": "secret-key",
        }
        with (
            run_process(tmp_path, environment=environment) as server,
            Stellary.register(server.url, "ann@example.com", "correct horse", name="Ann") as client,
        ):
            home = client.organizations.list()[0].slug
            ws = client.workspace(home, client.organization(home).workspaces.list()[0].slug)
            provider.answers = [calls(final_result=READY), calls(final_result=PLAN)]
            draft = ws.project_drafts.create(name="Booking", description=BRIEF)
            assert [question.text for question in draft.questions][:1] == ["Who tests it?"]
            planned = ws.project_drafts(draft.id).generate_roadmap()
            assert [phase.name for phase in planned.roadmap.phases] == ["Design", "Build"]

            board = ws.project(ws.projects.create(name="Shop"))
            card = board.column(board.columns.list()[0]).cards.create(title="Sign")
            agent = ws.agents.create(
                name="Scribe",
                autonomy_mode="autonomous",
                tools=["board.read", "board.write"],
                runtime="model",
                model=MODEL,
            )
            provider.answers = [
                calls(add_comment={"cardId": card.id, "content": "Hi"}),
                {"content": "I have said hello."},
            ]
            after = ws.mission(ws.agents(agent).missions.create(card_id=card.id, prompt="Say hello")).wait()
            assert (after.status, after.result) == ("completed", "I have said hello.")
            (comment,) = board.card(card).comments.list()
            assert (comment.author_name, comment.content) == ("Scribe", "Hi")
    assert {request["model"] for request in provider.requests} == {"some"}
    assert all(request["stream"] for request in provider.requests)
    assert "secret-key" not in server.log.read_text()


@pytest.mark.slow("runs a worker")
def test_worker_runs_missions_with_the_key_of_their_workspace(postgres_url: str, tmp_path: Path):
    secret = "8f3b1c0d9e7a45626b0f4d2c7e1a9583"
    core = Core(postgres_url, bcrypt_rounds=4, jwt_secret=secret, agent_models=[MODEL])
    core.migrate()
    with run_provider() as provider, Stellary.embedded(core.port()) as visitor:
        visitor.auth.register(email="ann@example.com", password="correct horse")
        session = visitor.auth.login(email="ann@example.com", password="correct horse")
        client = visitor.with_options(token=session.access_token)
        home = client.organizations.list()[0].slug
        ws = client.workspace(home, client.organization(home).workspaces.list()[0].slug)
        ws.set_model_key(provider="openai-chat", secret="sk-own-key")
        assert ws.usage().own_keys == ["openai-chat"]
        board = ws.project(ws.projects.create(name="Shop"))
        card = board.column(board.columns.list()[0]).cards.create(title="Sign")
        agent = ws.agents.create(name="Scribe", runtime="model", model=MODEL)
        mission = ws.mission(ws.agents(agent).missions.create(card_id=card.id, prompt="Say hello"))
        provider.answers = [{"content": "Hello."}]
        environment = {
            "JWT_SECRET": secret,
            "STELLARY_AGENT_MODELS": MODEL,
            "STELLARY_MISSION_TOKENS": "50000",
        }
        environment |= {"OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": "server-key"}
        with running_worker(postgres_url, tmp_path, environment):
            after = mission.wait()
        assert (after.status, after.result, provider.keys) == ("completed", "Hello.", ["sk-own-key"])
        assert ws.usage().tokens_today == after.usage.input_tokens + after.usage.output_tokens
    core.close()
