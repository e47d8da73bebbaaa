"""Rules for the network: proxy, DNS, certificates, connections.

They count for whatever was asked: a registry, the cluster's API server, a metadata service. Only a rule that can be about
nothing but a registry says so in its texts.
"""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.text.references import Peer

_BROKEN_OFF = (
    "connection refused",
    "connection reset",
    "broken pipe",
    "transport connection broken",
    "malformed HTTP response",
    "malformed MIME header",
    "server closed idle connection",
    "use of closed network connection",
    "connection aborted",
    "software caused connection abort",
)
_NET = "Go net and net/http (net/http/transport.go, net/net.go), syscall error strings"

RULES: Final = (
    Rule(
        id="network-proxy",
        category=Category.PROXY,
        means="an HTTP proxy blocks the request",
        remedy=(
            "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY of what made the request (for a pull, the container runtime on the "
            "node), and the proxy itself."
        ),
        source="Go net/http/transport.go ('proxyconnect'); RFC 9110 section 15.5.8 (407)",
        phrases=(
            "proxyconnect",
            "error connecting to proxy",
            "unknown proxy authenticate scheme",
            "invalid proxy url",
            "proxy authentication required",
            "socks connect",
            "proxy error",
            "proxy connect",
        ),
    ),
    Rule(
        id="network-proxy-407",
        category=Category.PROXY,
        means="a proxy requires credentials (HTTP 407)",
        remedy="Configure valid proxy credentials for the container runtime on the node.",
        source="RFC 9110 section 15.5.8 (407)",
        statuses={407},
    ),
    Rule(
        id="network-dns-reserved",
        category=Category.DNS,
        kind=ErrorKind.USER,
        means="the name of the host that was asked never resolves",
        remedy="Correct the name in the message (for a pull, in the image): names under .invalid are reserved for examples.",
        source="RFC 6761 section 6.4 (.invalid)",
        phrases=("no such host", "nxdomain"),
        peer=Peer.UNRESOLVABLE,
    ),
    Rule(
        id="network-dns",
        category=Category.DNS,
        means="a name could not be resolved",
        remedy="Check the spelling of the name in the message (for a pull, in the image); if it is right, check the node's DNS.",
        source="Go net/dnsclient_unix.go and net/net.go (errNoSuchHost, 'server misbehaving'); musl and glibc EAI_AGAIN",
        phrases=(
            "no such host",
            "server misbehaving",
            "temporary failure in name resolution",
            "name or service not known",
            "could not resolve host",
            "cannot unmarshal DNS message",
            "no answer from DNS server",
            "no address associated with hostname",
            "name does not resolve",
            "NXDOMAIN",
            "SERVFAIL",
            "failed to resolve server",
        ),
    ),
    Rule(
        id="network-dns-lookup",
        category=Category.DNS,
        means="a name could not be resolved: the resolver does not respond",
        remedy="Check the resolver that the message names: it is the node's DNS, or the cluster's.",
        source="Go net/lookup.go, net.DNSError ('lookup NAME on SERVER: ...')",
        phrases=("lookup",),
        also=(
            "try again",
            "connection refused",
            "network is unreachable",
            "no route to host",
            "timeout",
            "operation was canceled",
            "operation not permitted",
            "deadline exceeded",
            "device or resource busy",
            "lame referral",
            "invalid dns response",
            "unrecognized address",
        ),
    ),
    Rule(
        id="network-tls-expired",
        category=Category.TLS,
        means="a certificate has expired, or is not yet valid by the node's clock",
        remedy=(
            "Have whoever runs the server renew its certificate. If the message says that the current time is before the "
            "certificate's, correct the node's clock."
        ),
        source="Go crypto/x509/verify.go (Expired: 'certificate has expired or is not yet valid: current time %s is after %s')",
        phrases=(
            "certificate has expired",
            "certificate is not yet valid",
            "expired certificate",
            "certificate expired",
        ),
    ),
    Rule(
        id="network-tls-name",
        category=Category.TLS,
        means="a certificate is for another name than the host that was asked",
        remedy=(
            "Check that the name resolves to the right host and that no proxy answers in its place; if so, have whoever runs "
            "the server add the name to its certificate."
        ),
        source="Go crypto/x509/verify.go (HostnameError: 'certificate is valid for %s, not %s', 'doesn't contain any IP SANs')",
        phrases=(
            "certificate is valid for",
            "certificate is not valid for any names",
            "certificate relies on legacy common name",
            "cannot validate certificate for",
            "doesn t contain any ip sans",
            "unrecognized name",
            "hostname mismatch",
        ),
    ),
    Rule(
        id="network-tls-protocol",
        category=Category.TLS,
        means="the two sides do not speak the same protocol: one uses TLS and the other does not, or another version of it",
        remedy=(
            "If the server has no TLS, configure the client for plain HTTP (for a pull: an insecure registry in the container "
            "runtime's configuration); else check the port, and the TLS versions and ciphers of both sides."
        ),
        source="Go net/http/client.go ('server gave HTTP response to HTTPS client'), crypto/tls (conn.go, alert.go)",
        phrases=(
            "first record does not look like a TLS handshake",
            "server gave HTTP response to HTTPS client",
            "client sent an HTTP request to an HTTPS server",
            "handshake failure",
            "protocol version not supported",
            "server selected unsupported protocol version",
            "no cipher suite supported",
            "wrong version number",
        ),
    ),
    Rule(
        id="network-tls-client",
        category=Category.TLS,
        means="the server does not accept the client's certificate, or asks for one",
        remedy="Renew or install the client certificate that the server asks for (for a pull: in the container runtime's hosts).",
        source="Go crypto/tls/alert.go ('certificate required', 'bad certificate', 'unknown certificate authority')",
        phrases=("certificate required", "bad certificate"),
    ),
    Rule(
        id="network-tls",
        category=Category.TLS,
        means="the certificate of the host that was asked is not trusted",
        remedy=(
            "Install the certificate authority that signed it (that of the server, or of the proxy that inspects TLS) where "
            "the request is made: for a pull, on the nodes; for a webhook, in its caBundle."
        ),
        source="Go crypto/x509/verify.go and crypto/tls (error strings 'x509: ...', 'tls: ...')",
        phrases=(
            "x509",
            "failed to verify certificate",
            "certificate signed by unknown authority",
            "tls alert",
            "remote error tls",
            "unknown certificate authority",
            "certificate verify failed",
            "SSL certificate problem",
            "unable to load ca cert",
            "tls failed",
        ),
    ),
    Rule(
        id="network-loopback",
        category=Category.REGISTRY_UNAVAILABLE,
        means="a server on the node itself, such as a registry or mirror, does not respond properly",
        remedy="Start or repair what listens on the node at the address in the message.",
        source=f"RFC 1122 section 3.2.1.3: loopback never leaves the host, so the peer itself failed; {_NET}",
        phrases=_BROKEN_OFF,
        peer=Peer.LOOPBACK,
    ),
    Rule(
        id="network-metadata",
        category=Category.NETWORK_TIMEOUT,
        means="the cloud's metadata service, which hands out the node's credentials, could not be reached",
        remedy=(
            "Check that the node may use its metadata service (on EC2: the hop limit of IMDSv2, an instance profile), and that "
            "no network policy blocks it."
        ),
        source="aws-sdk-go-v2 feature/ec2/imds ('no EC2 IMDS role found'); cloud.google.com/go/compute/metadata",
        phrases=(
            "ec2imds",
            "ec2 imds",
            "ec2metadata",
            "ec2rolerequesterror",
            "instance metadata",
            "metadata service",
            "computemetadata",
        ),
        also=(
            *_BROKEN_OFF,
            "deadline exceeded",
            "timeout",
            "timed out",
            "request canceled",
            "no route to host",
            "unreachable",
        ),
    ),
    Rule(
        id="network-api-server",
        category=Category.NETWORK_TIMEOUT,
        means="the cluster's API server could not be reached, or did not respond in time",
        remedy="Check the API server and etcd, and the way to them from where the request was made.",
        source="kubernetes apimachinery pkg/api/errors, kubectl pkg/cmd/util/helpers.go; etcd server/etcdserver/errors.go",
        phrases=(
            "unable to connect to the server",
            "connection to the server nameref was refused",
            "etcdserver request timed out",
            "etcdserver leader changed",
            "apiserver not ready",
            "the server was unable to return a response in the time allotted",
        ),
    ),
    Rule(
        id="network-api-server-url",
        category=Category.NETWORK_TIMEOUT,
        means="the cluster's API server could not be reached, or did not respond in time",
        remedy="Check the API server and etcd, and the way to them from where the request was made.",
        source=f"kubernetes.io, API concepts (/apis/GROUP/VERSION, /api/v1/...: no registry has such paths); {_NET}",
        phrases=("apiref urlref",),
        also=(
            *_BROKEN_OFF,
            "deadline exceeded",
            "i o timeout",
            "tls handshake timeout",
            "no route to host",
            "network is unreachable",
            "goaway",
            "eof",
            "stream error",
            "client connection lost",
            "context canceled",
            "request canceled",
            "timeout exceeded",
        ),
    ),
    Rule(
        id="network-not-permitted",
        category=Category.NETWORK_TIMEOUT,
        means="the node's own firewall, or a security module on it, does not let the connection out",
        remedy="Check the node's firewall, eBPF and security rules for the address that the message names.",
        source="Linux connect(2) and sendto(2), EPERM, as Go's net package prints it ('dial tcp ...: operation not permitted')",
        phrases=("operation not permitted",),
        also=(
            "dial tcp",
            "dial udp",
            "write udp",
            "read udp",
            "write tcp",
            "connect operation not permitted",
            "sendto",
        ),
    ),
    Rule(
        id="network-waiting",
        category=Category.NETWORK_TIMEOUT,
        means="the host that was asked did not respond in time",
        remedy="Check the way from the node to the host that the message names, and whether that host is up.",
        source="Go net/http ('timed out waiting for ...'), with a word that shows what was waited for",
        phrases=("timed out waiting for",),
        also=("headers", "response", "connection", "registry", "pull", "urlref", "dial tcp"),
        not_statuses=frozenset(range(400, 600)) - {408, 504},
    ),
    Rule(
        id="network-timeout",
        category=Category.NETWORK_TIMEOUT,
        means="the host that was asked could not be reached, or did not respond in time",
        remedy=(
            "Check the way from the node to the host that the message names (routes, firewall, NAT), and whether that host is "
            "up; a public registry has a status page."
        ),
        source=_NET,
        phrases=(
            *_BROKEN_OFF,
            "i/o timeout",
            "tls handshake timeout",
            "deadline exceeded",
            "DeadlineExceeded",
            "Client Timeout exceeded",
            "Client Timeout or context cancellation",
            "request canceled",
            "context canceled",
            "connection timed out",
            "connect timed out",
            "read timed out",
            "operation timed out",
            "request timed out",
            "network is unreachable",
            "network unreachable",
            "no route to host",
            "host is down",
            "client connection lost",
            "connection closed before server preface received",
            "stream error",
            "GOAWAY",
            "net http timeout",
            "no progress",
            "pull progress timeout",
            "cannot assign requested address",
            "timeout exceeded while awaiting headers",
            "timeout awaiting",
            "bad record mac",
            "image pull progress",
            "v2 ping attempt failed",
        ),
        unless=("dial unix", "probe"),
        not_statuses=frozenset(range(400, 600)) - {408, 504},
    ),
    Rule(
        id="network-eof",
        category=Category.REGISTRY_UNAVAILABLE,
        means="the host that was asked closed the connection before its response was complete",
        remedy="Usually resolves by itself; the host that the message names, or a load balancer in front of it, is failing.",
        source="Go net/http/transport.go and transfer.go (io.EOF, io.ErrUnexpectedEOF): an end is the peer's own act",
        phrases=("EOF", "short read expected", "expected number of bytes"),
        not_statuses=frozenset(range(400, 600)),
    ),
    Rule(
        id="network-408",
        category=Category.NETWORK_TIMEOUT,
        means="the host that was asked timed out waiting for the request (HTTP 408)",
        remedy="Check the node's way to the host that the message names; usually resolves by itself.",
        source="RFC 9110 section 15.5.9 (408)",
        statuses={408},
    ),
)
