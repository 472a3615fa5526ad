# SPDX-License-Identifier: Apache-2.0
"""Each peer, each version, each kind of certificate: verified, a message there and back, close_notify both ways."""

import pytest
from peers import MESSAGE
from pki import KINDS
from sessile import OK


@pytest.mark.interop("handshake, a message each way, close_notify both ways")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_client_talks_to_our_server(client, serve, children, pki, tls, kind):
    ours = serve(kind, service=client.service(children))
    outcome = client.talk(children, ours.port, pki, tls=tls)
    facts = ours.closed()
    assert outcome.ok, outcome.text
    assert outcome.version == facts["version"] == tls
    assert facts["how"] == "clean"
    assert facts["sni"] == "localhost"
    assert facts["group"]


@pytest.mark.interop("handshake, a message each way, close_notify both ways")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_our_client_talks_to_server(server, ask, tls, kind):
    theirs = server(kind, tls=tls)
    ours = ask(theirs.port)
    assert ours.finish(MESSAGE) == OK, ours.messages
    assert ours.received == theirs.answer(MESSAGE)
    assert ours.facts["version"] == tls
    assert ours.facts["error"] == "OK"
    assert ours.facts["verify"] == "ok"
    assert ours.facts["peer"] == f"CN={kind}"
    theirs.check_clean_end()
