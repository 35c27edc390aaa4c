// Package probe connects like a client and records what was seen: TCP, TLS, certificate chain, HTTP.
//
// It reports and never judges, looks no name up, and dials only the address it is given. What it promises:
//   - A target's trouble is a value: [Prober.Probe] returns an [Observation] and no error.
//   - The handshake is made without trust and the chain verified afterwards, at an instant inside the leaf's life, so
//     that expired, mismatched and untrusted certificates still yield their data.
//   - SNI is always set, HTTP/1.1 is offered, and a server that cannot speak TLS 1.2 is asked once more with
//     everything that crypto/tls still knows, so that old servers are described and not called down. One that refuses
//     both is asked what cipher suite it would select at all: such a server is [CodeUnsupported].
//   - Every step has its own deadline of Config.Timeout, and every read its limit: 1 MiB for a handshake, 64 KiB
//     for the head of an HTTP response; bodies are not read.
//   - Of an HTTP response any head is taken whose status line can be read: what browsers forgive is not [CodeEOF].
//   - HTTP is HEAD, then GET where the answer to HEAD is 400, 403, 404, 405, 501, any 5xx, or none at all.
//   - Redirects are recorded. They are followed only to the same name and the same address, which the caller allowed.
//   - An address that Config.Allow refuses is not dialled: error code [CodeBlocked].
//   - No more than Config.PerAddress probes are in flight against one address.
//   - Before the target is blamed, the context is asked: what our own shutdown cut is [CodeCanceled].
package probe
