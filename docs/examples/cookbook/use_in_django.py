"""Use the client in Django.

A view that shares one client between threads. Environment variables set the server, the token and the workspace; `timeout` keeps a slow
server from blocking the worker.
"""

from functools import cache

from django.http import Http404, HttpRequest, JsonResponse

from stellary import NotFound, Stellary


@cache
def get_client() -> Stellary:
    return Stellary(timeout=5)  # STELLARY_URL and STELLARY_TOKEN


def show_card(request: HttpRequest, project: str, key: str) -> JsonResponse:
    ws = get_client().workspace()  # STELLARY_ORG and STELLARY_WORKSPACE
    try:
        card = ws.project(project).cards.get(key)
    except NotFound as error:
        raise Http404("no such card") from error
    return JsonResponse({"title": card.title, "status": card.status})
