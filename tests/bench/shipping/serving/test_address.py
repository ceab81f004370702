import asyncio

import pytest

from bench.errors import SeesawError
from bench.shipping.serving.address import host_port
from bench.shipping.serving.client import Client
from bench.shipping.serving.server import Server


def test_hosts_and_ports_are_told_apart():
    assert host_port("[::1]:80", "--to") == ("::1", 80)
    assert host_port("localhost:0", "--listen") == ("localhost", 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "here",
        ":80",
        "a:",
        "a:b",
        "a:99999",
        pytest.param("a:" + "1" * 5000, id="long"),
        "a:\u00b2",
        "::1",
        "::1:80",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(SeesawError, match="Write it as"):
        host_port(text, "--to")


@pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.1:99999", "127.0.0.1:0"])
def test_a_client_connects_to_no_other_port_than_the_one_that_was_written(text):
    with pytest.raises(SeesawError, match=f"The server's address {text} is no host:port"):
        Client(text, [])


@pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.1:99999"])
def test_a_server_listens_at_no_other_port_than_the_one_that_was_written(text):
    with pytest.raises(SeesawError, match=f"The address {text} is no host:port"):
        asyncio.run(Server([]).start(text))
