"""Certificates to try mutual TLS with."""

import os
import stat

import pytest
from cryptography import x509

from bench import SeesawError
from bench.shipping.serving import certs
from bench.shipping.serving.certs import read_certs, write_certs


def test_both_sides_get_what_they_need_and_keys_are_their_owners(tmp_path):
    folder = tmp_path / "certs"
    ends = write_certs(folder, ["localhost", "10.0.0.7", "server.local"], 5)
    assert sorted(os.listdir(folder)) == [
        "authority.pem",
        "device.key",
        "device.pem",
        "server.key",
        "server.pem",
    ]
    for side in ("server", "device"):
        authority, own, _ = read_certs(folder, side)
        made, by = (x509.load_pem_x509_certificate(one) for one in (own, authority))
        made.verify_directly_issued_by(by)
        assert made.not_valid_after_utc == ends.replace(microsecond=0)
        assert stat.S_IMODE((folder / f"{side}.key").stat().st_mode) == 0o600
    names = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes()).extensions
    found = names.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == ["localhost", "server.local"]
    assert [str(one) for one in found.get_values_for_type(x509.IPAddress)] == ["10.0.0.7"]


def test_none_are_overwritten(tmp_path):
    write_certs(tmp_path, ["localhost"], 1)
    with pytest.raises(SeesawError, match="holds certificates already"):
        write_certs(tmp_path, ["localhost"], 1)


def test_what_cannot_serve_is_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(SeesawError, match="cannot be read"):
        read_certs(tmp_path, "server")
    write_certs(tmp_path, ["localhost"], 1)
    (tmp_path / "server.key").chmod(0o644)
    with pytest.raises(SeesawError, match="chmod 600"):
        read_certs(tmp_path, "server")
    (tmp_path / "device.pem").write_bytes(b"none")
    with pytest.raises(SeesawError, match="is no certificate"):
        read_certs(tmp_path, "device")


def test_one_whose_time_is_over_is_a_sentence(tmp_path, monkeypatch):
    class Long(certs.datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) - certs.datetime.timedelta(days=9)

    with monkeypatch.context() as patched:
        patched.setattr(certs.datetime, "datetime", Long)
        write_certs(tmp_path, ["localhost"], 1)
    with pytest.raises(SeesawError, match=r"ended on \d{4}-"):
        read_certs(tmp_path, "device")
