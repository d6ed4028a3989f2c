"""Replace a primary whose machine is lost before its key in etcd expires: /usr/local/bin/patroni-witness, on each of the three machines.

Each second, it asks Patroni and PostgreSQL of the primary for any answer. If neither has answered three times, on two of
the machines, it deletes the primary's key, and Patroni elects the next one. It does so only while a synchronous standby
is recorded, which has each acknowledged commit, and writes that record again in the same transaction: a primary that is
still alive can then no longer dismiss the standby, and acknowledges nothing without it.
"""

import json
import os
import socket
import time
from base64 import b64decode, b64encode
from contextlib import suppress
from http.client import HTTPException
from urllib.parse import urlsplit
from urllib.request import urlopen

NAME, ETCD = os.environ["ETCD_NAME"], os.environ["ETCD_ADVERTISE_CLIENT_URLS"]
CLUSTER = "/service/stellary/"
"""Where Patroni keeps its keys: its namespace, and its scope."""


def call_etcd(method: str, **fields):
    with urlopen(f"{ETCD}/v3/{method}", json.dumps(fields).encode(), timeout=0.5) as reply:
        return json.load(reply)


def encode(text):
    return b64encode(text.encode()).decode()


def read_keys(folder):
    reply = call_etcd("kv/range", key=encode(folder), range_end=encode(folder[:-1] + "0"))
    return {b64decode(key["key"]).decode().removeprefix(folder): key for key in reply.get("kvs", [])}


def is_alive(member):
    """Return whether Patroni or PostgreSQL of a machine answers, whatever the answer is."""
    # To Patroni, and to PostgreSQL, which answers a request for TLS before anyone has logged in.
    requests = {"api_url": b"GET / HTTP/1.0\r\n\r\n", "conn_url": bytes.fromhex("0000000804d2162f")}
    for name, request in requests.items():
        place = urlsplit(member[name])
        with suppress(OSError), socket.create_connection((place.hostname, place.port), 0.4) as connection:
            connection.sendall(request)
            if connection.recv(1):
                return True
    return False


def release_leader(leader, sync, config):
    """Vote against the primary, and delete its key if another machine has voted within three seconds, too."""
    votes = f"/witness/{leader['mod_revision']}/"
    lease = call_etcd("lease/grant", TTL=3)["ID"]
    call_etcd("kv/put", key=encode(votes + NAME), lease=lease)
    if len(read_keys(votes)) > 1:
        names = ("key", "mod_revision")
        same = [{"target": "MOD"} | {name: key[name] for name in names} for key in (leader, sync, config)]
        record = {"key": sync["key"], "value": sync["value"]}
        changes = [{"request_put": record}, {"request_delete_range": {"key": leader["key"]}}]
        if call_etcd("kv/txn", compare=same, success=changes).get("succeeded"):
            print("The primary does not answer: its key is deleted.", flush=True)


def main():
    keys, watched, silent = {}, None, 0
    while True:
        started = time.monotonic()
        with suppress(OSError, HTTPException):  # While etcd elects its own leader, the last answer counts.
            keys = read_keys(CLUSTER)
        values = {name: b64decode(key.get("value", "")).decode() for name, key in keys.items()}
        member = json.loads(values.get(f"members/{values.get('leader')}", "null"))
        term = keys["leader"]["mod_revision"] if member else None
        silent = silent + 1 if term == watched and member and not is_alive(member) else 0
        watched = term
        has_standby = json.loads(values.get("sync", "{}")).get("sync_standby")
        if silent >= 3 and has_standby and not json.loads(values["config"]).get("pause"):
            with suppress(OSError, HTTPException):
                release_leader(keys["leader"], keys["sync"], keys["config"])
        time.sleep(max(0, started + 1 - time.monotonic()))


if __name__ == "__main__":
    main()
