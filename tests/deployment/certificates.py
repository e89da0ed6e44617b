"""Certificates and keys as a deployment has them, made by the tests."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PLAIN = serialization.NoEncryption()


class Authority:
    """Signs certificates; its own is `folder`/`name`.crt."""

    def __init__(self, folder, name):
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP384R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self._certificate = self._sign(self._name, self._key.public_key(), constraints)
        self.certificate = _write(folder / f"{name}.crt", self._certificate.public_bytes(serialization.Encoding.PEM))

    def make_server(self, name):
        """Write a server's certificate for localhost and 127.0.0.1, and its key; return both paths."""
        key = ec.generate_private_key(ec.SECP384R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        signed = self._sign(subject, key.public_key(), x509.SubjectAlternativeName(names))
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _PLAIN)
        certificate = signed.public_bytes(serialization.Encoding.PEM)
        return _write(self._folder / f"{name}.crt", certificate), _write(self._folder / f"{name}.key", private)

    def _sign(self, subject, public_key, extension):
        now = datetime.datetime.now(datetime.UTC)
        identifier = x509.SubjectKeyIdentifier.from_public_key
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .add_extension(identifier(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA384())
        )


def make_node_key(folder, name):
    """Write a node's key as ssh-keygen does; return the paths of the private and the public half."""
    key = ec.generate_private_key(ec.SECP384R1())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, _PLAIN)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return _write(folder / name, private), _write(folder / f"{name}.pub", public)


def _write(path, content):
    path.write_bytes(content)
    path.chmod(0o600)
    return path
