# SPDX-License-Identifier: BSD-2-Clause
"""A private certificate authority, and every kind of bad certificate."""
import base64
import datetime
import hashlib
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def fingerprint(path, algorithm="sha256"):
    """That of the first certificate in a file, as mail servers write it."""
    with open(path) as file:
        first = file.read().partition("-----BEGIN CERTIFICATE-----")[2]
    der = base64.b64decode(first.partition("-----END")[0])
    digest = hashlib.new(algorithm, der).hexdigest().upper()
    return ":".join(digest[i:i + 2] for i in range(0, len(digest), 2))


def _new_key(rsa_bits=None):
    if rsa_bits:
        return rsa.generate_private_key(65537, rsa_bits)
    return ec.generate_private_key(ec.SECP256R1())


def tlsa(path, parameters="3 1 1"):
    """The TLSA record (RFC 6698 §2.1) that the first certificate of a file
    matches, or with usage 2 the second, that of its issuer."""
    usage, selector, matching = parameters.split()
    with open(path) as file:
        parts = file.read().split("-----BEGIN CERTIFICATE-----")
    pem = "-----BEGIN CERTIFICATE-----" + parts[2 if usage == "2" else 1]
    certificate = x509.load_pem_x509_certificate(pem.encode())
    data = certificate.public_bytes(serialization.Encoding.DER)
    if selector == "1":
        data = certificate.public_key().public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo)
    if matching != "0":
        digest = {"1": hashlib.sha256, "2": hashlib.sha512}[matching]
        data = digest(data).digest()
    return "%s %s" % (parameters, data.hex())


class Authority:
    """A root, an intermediate under it, and leaves under that.

    `trusted` is the file a client is given; `stranger` a second root that
    nobody trusts.
    """

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.now = datetime.datetime.utcnow()
        self.serial = 1000
        self.key = _new_key()    # of all leaves
        self.root = self._authority("Rig Root", None)
        self.middle = self._authority("Rig Issuing CA", self.root)
        self.stranger = self._authority("Rig Stranger", None)
        self.trusted = os.path.join(folder, "ca.pem")
        self._write(self.trusted, self.root[0])

    def _build(self, subject, issuer, public_key, start, end):
        self.serial += 1
        return (x509.CertificateBuilder()
                .subject_name(_name(subject))
                .issuer_name(issuer)
                .public_key(public_key)
                .serial_number(self.serial)
                .not_valid_before(self.now + start)
                .not_valid_after(self.now + end))

    def _authority(self, name, parent):
        key = _new_key()
        issuer = parent[0].subject if parent else _name(name)
        builder = self._build(name, issuer, key.public_key(),
                              -10 * DAY, 3650 * DAY)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True)
        signer = parent[1] if parent else key
        return builder.sign(signer, hashes.SHA256()), key

    def _write(self, path, *certificates, key=None):
        # The key stands first: Postfix insists.
        with open(path, "wb") as file:
            if key:
                file.write(key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption()))
            for certificate in certificates:
                file.write(certificate.public_bytes(
                    serialization.Encoding.PEM))
        os.chmod(path, 0o644)
        return path

    def leaf(self, cn, names=(), emails=(), start=-DAY, end=90 * DAY,
             issuer=None, chain=True, client=False, own_key=False,
             rsa_bits=None, digest=None):
        """Make a leaf; return the path of a file with key and chain.

        names are the dNSNames, emails the rfc822Names of the SAN; with
        neither there is no SAN. issuer: "middle" [default], "stranger", or
        "self". chain=False leaves the intermediate out. own_key: not the
        key that all other leaves have; rsa_bits: an RSA key of that size.
        digest: that of the signature, SHA-256 unless given.
        """
        key = _new_key(rsa_bits) if own_key or rsa_bits else self.key
        parent = {None: self.middle, "stranger": self.stranger,
                  "self": None}[issuer]
        builder = self._build(
            cn, parent[0].subject if parent else _name(cn),
            key.public_key(), start, end)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True)
        usage = (ExtendedKeyUsageOID.CLIENT_AUTH if client
                 else ExtendedKeyUsageOID.SERVER_AUTH)
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False)
        san = [x509.DNSName(n) for n in names]
        san += [x509.RFC822Name(e) for e in emails]
        if san:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(san), critical=False)
        leaf = builder.sign(parent[1] if parent else key,
                            digest or hashes.SHA256())
        up = [self.middle[0]] if chain and parent is self.middle else []
        path = os.path.join(self.folder, "leaf-%d.pem" % self.serial)
        return self._write(path, leaf, *up, key=key)

    def bundle(self):
        """A file with the certificates above all leaves."""
        return self._write(os.path.join(self.folder, "bundle.pem"),
                           self.middle[0], self.root[0])

    def server(self, host, kind="good"):
        """A certificate for a policy host, good or bad in one way.

        STS-F-02 to STS-F-05 and STS-F-17 of RFC 8461 §3.3 name the kinds.
        """
        parent = host.partition(".")[2]
        kinds = {
            "good": dict(names=[host]),
            "wildcard": dict(names=["*." + parent]),
            "expired": dict(names=[host], start=-9 * DAY, end=-DAY),
            "not-yet": dict(names=[host], start=DAY),
            "wrong-name": dict(names=["other.example"]),
            "provider-name": dict(names=["policies.provider.example"]),
            "self-signed": dict(names=[host], issuer="self"),
            "untrusted": dict(names=[host], issuer="stranger"),
            "no-intermediate": dict(names=[host], chain=False),
            "cn-only": dict(),
            "email-only": dict(emails=["postmaster@" + parent]),
            "partial-wildcard": dict(names=["mta*." + parent]),
            "deep-wildcard": dict(names=["*." + parent.partition(".")[2]]),
            "client-only": dict(names=[host], client=True),
        }
        return self.leaf(host, **kinds[kind])
