"""Certificates for trying mutual TLS: an authority of one's own, which signs the server's and the device's."""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from bench.errors import SeesawError, needing
from bench.files import read_plain

with needing("serve", "Certificates need"):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY = "authority.pem"
SIDES = ("server", "device")
MOST = 1 << 16
"""Bytes of a file of certificates."""


def write_certs(folder: Path, hosts: Sequence[str], days: int) -> datetime.datetime:
    """Write an authority and a certificate and key for either side; the authority's own key is not kept.

    Args:
        folder: for `authority.pem`, `server.pem`, `server.key`, `device.pem`, `device.key`.
        hosts: names and addresses of the server.
        days: for which they hold.

    Returns:
        When they end.

    Raises:
        SeesawError: there are certificates already, or the folder cannot be written.
    """
    if any((folder / name).exists() for name in (AUTHORITY, *(f"{side}.pem" for side in SIDES))):
        raise SeesawError(f"{folder} holds certificates already. Name another folder, or remove them.")
    begins = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5)
    ends = begins + datetime.timedelta(days=days)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Seesaw's test authority")
    authority = (
        _builder(name, name, key, begins, ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(folder / AUTHORITY, authority.public_bytes(serialization.Encoding.PEM), 0o644)
        for side in SIDES:
            own = ec.generate_private_key(ec.SECP256R1())
            usage = ExtendedKeyUsageOID.SERVER_AUTH if side == "server" else ExtendedKeyUsageOID.CLIENT_AUTH
            builder = (
                _builder(_name(f"Seesaw's {side}"), name, own, begins, ends)
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            )
            if side == "server":
                builder = builder.add_extension(
                    x509.SubjectAlternativeName(list(map(_host, hosts))), critical=False
                )
            made = builder.sign(key, hashes.SHA256())
            _write(folder / f"{side}.pem", made.public_bytes(serialization.Encoding.PEM), 0o644)
            _write(folder / f"{side}.key", _private(own), 0o600)
    except OSError as error:
        raise SeesawError(f"{folder} cannot be written ({error.strerror}). Name another folder.") from error
    return ends


def read_authority(folder: Path) -> bytes:
    """The authority's certificate alone.

    Raises:
        SeesawError: it is not there, or its time is over.
    """
    path = folder / AUTHORITY
    try:
        own = read_plain(path, MOST)
    except OSError as error:
        raise SeesawError(
            f"{error.filename or folder} cannot be read ({error.strerror}). Make certificates with `seesaw certs FOLDER`."
        ) from error
    _hold_time(path, own)
    return own


def read_certs(folder: Path, side: str) -> tuple[bytes, bytes, bytes]:
    """The authority's certificate, and the certificate and key of a side.

    Raises:
        SeesawError: a file is not there, others may read the key, or the certificate's time is over.
    """
    return read_authority(folder), *read_own(folder, side)


def read_own(folder: Path, side: str) -> tuple[bytes, bytes]:
    """The certificate and key of a side.

    Raises:
        SeesawError: a file is not there, others may read the key, or the certificate's time is over.
    """
    names = (f"{side}.pem", f"{side}.key")
    try:
        if os.name == "posix" and (folder / names[1]).stat().st_mode & 0o077:
            raise SeesawError(f"Others may read {folder / names[1]}. Run: chmod 600 {folder / names[1]}")
        own, key = (read_plain(folder / name, MOST) for name in names)
    except OSError as error:
        raise SeesawError(
            f"{error.filename or folder} cannot be read ({error.strerror}). Make certificates with `seesaw certs FOLDER`."
        ) from error
    _hold_time(folder / names[0], own)
    return own, key


def _hold_time(path: Path, data: bytes) -> None:
    """See that a certificate's time is not over.

    Raises:
        SeesawError: it is, or the file is no certificate.
    """
    try:
        ends = x509.load_pem_x509_certificate(data).not_valid_after_utc
    except ValueError as error:
        raise SeesawError(f"{path} is no certificate. Make one with `seesaw certs FOLDER`.") from error
    if ends < datetime.datetime.now(datetime.UTC):
        raise SeesawError(f"{path} ended on {ends:%Y-%m-%d}. Make new ones with `seesaw certs FOLDER`.")


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begins: datetime.datetime,
    ends: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """A new file, which nobody but its owner has ever been able to read if the mode says so."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
