"""The trash and undo at the command line."""

import json

from tests.cli.test_card_changes import add


def delete(shell, title):
    """Add and delete a card, and return its key."""
    key = add(shell, title)
    shell("card", "delete", key, "--yes")
    return key


def test_deleted_card_is_listed_and_restored_by_its_key(shell):
    key = delete(shell, "Fold the flyers")
    items = shell.json("trash", "list", "--kind", "card")
    assert (items[0]["key"], items[0]["name"]) == (key, "Fold the flyers")
    assert shell("trash", "list").splitlines()[0].split("\t")[:3] == ["card", key, "Fold the flyers"]
    assert shell("trash", "restore", key) == (
        f'Restored card {key} "Fold the flyers" to column "To do" of "Product".\n'
    )
    assert shell.json("card", "show", key)["title"] == "Fold the flyers"


def test_item_is_restored_by_its_name_under_another_one(shell):
    labels = "/orgs/{org}/workspaces/{workspace}/projects/{project}/labels"
    label = json.loads(shell("api", "POST", labels, "-f", "name=Printed"))
    shell("api", "DELETE", f"/orgs/{{org}}/workspaces/{{workspace}}/labels/{label['id']}")
    shell("api", "POST", labels, "-f", "name=Printed")
    assert "already" in shell.error("trash", "restore", "printed")
    assert shell("trash", "restore", "printed", "--name", "Printed (old)") == 'Restored label "Printed".\n'


def test_purged_item_is_gone(shell):
    key = delete(shell, "Burn the flyers")
    assert "pass --yes" in shell.error("trash", "purge", key)
    assert shell("trash", "purge", key, "--yes") == f'Deleted card {key} "Burn the flyers" for good.\n'
    assert "there is no item" in shell.error("trash", "restore", key)


def test_deleted_workspace_is_restored_by_its_slug(shell):
    assert "The trash is empty." in shell.run("trash", "list", "--workspaces").stderr
    shell("api", "POST", "/orgs/{org}/workspaces", "-f", "name=Print shop", "-f", "slug=print")
    shell("api", "DELETE", "/orgs/{org}/workspaces/print")
    assert [entry["slug"] for entry in shell.json("trash", "list", "--workspaces")] == ["print"]
    assert shell("trash", "restore", "print", "--workspaces") == 'Restored workspace print "Print shop".\n'
    shell("api", "DELETE", "/orgs/{org}/workspaces/print")
    renamed = shell.json("trash", "restore", "print  shop", "--workspaces", "--slug", "press")
    assert renamed["name"] == "Print shop"
    shell("api", "DELETE", "/orgs/{org}/workspaces/press")
    assert "for good" in shell("trash", "purge", "press", "--workspaces", "--yes")
    assert "there is no item" in shell.error("trash", "restore", "press", "--workspaces")
    assert "--slug needs --workspaces" in shell.error("trash", "restore", "x", "--slug", "y", code=2)


def test_ambiguous_name_is_refused(shell):
    first, second = delete(shell, "Twin"), delete(shell, "Twin")
    line = shell.error("trash", "restore", "Twin")
    assert "is ambiguous" in line
    assert first in line
    assert second in line
    assert "Restored" in shell("trash", "restore", shell.json("trash", "list")[0]["id"])


def test_undo_takes_back_the_last_change_of_a_card_and_repeats_it(shell):
    key = add(shell, "Draft the flyers")
    assert "no change that can be undone" in shell.error("undo", key)
    shell("card", "edit", key, "--title", "Draw the flyers")
    assert shell("undo", key) == (
        f'Took back title Draft the flyers → Draw the flyers: {key} "Draft the flyers".\n'
    )
    assert shell.json("undo", key)["title"] == "Draw the flyers"


def test_dry_run_of_a_restoration_prints_the_request(shell):
    key = delete(shell, "Keep the flyers")
    assert shell("trash", "restore", key, "--dry-run").startswith("POST /orgs/")
    assert shell.json("trash", "list")[0]["key"] == key
