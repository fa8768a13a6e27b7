"""Who the server is where a workload goes over TLS: its certificate, and the authority to trust."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_NAMES = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""OpenSSL, Go and Rust look for the first one, curl for the second, requests for the third."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The files of one server."""

    authority: Path
    """The certificate to trust, PEM."""
    chain: Path
    """The server's own key and certificates, PEM."""

    @classmethod
    def make(cls, host: str, directory: Path) -> Self:
        """Make an authority and a certificate for a host, RSA as most servers show. Raises RuntimeError."""
        try:
            import trustme  # only some workloads need it
        except ImportError:
            raise RuntimeError("for TLS the tests' dependency trustme is needed: pip install trustme") from None
        directory.mkdir()
        made = cls(directory / "authority.pem", directory / "chain.pem")
        authority = trustme.CA(key_type=trustme.KeyType.RSA)
        authority.cert_pem.write_to_path(str(made.authority))
        certificate = authority.issue_cert(host, key_type=trustme.KeyType.RSA)
        certificate.private_key_and_cert_chain_pem.write_to_path(str(made.chain))
        return made

    @property
    def nginx(self) -> str:
        """What nginx is told: who it is, and that sessions may be resumed."""
        return (
            f"ssl_certificate {self.chain}; ssl_certificate_key {self.chain}; "
            "ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:all:10m; ssl_buffer_size 16k;"
        )

    def context(self) -> ssl.SSLContext:
        """Make a client's context that trusts it."""
        return ssl.create_default_context(cafile=self.authority)

    @property
    def environment(self) -> dict[str, str]:
        """Which variables tell clients whom to trust."""
        return dict.fromkeys(_NAMES, str(self.authority))
