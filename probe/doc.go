// Package probe connects like a client and records what was seen: TCP, TLS, certificate chain, HTTP.
//
// It reports and never judges, looks no name up, and dials only the address it is given. What it promises:
//   - A target's trouble is a value: [Prober.Probe] returns an [Observation] and no error.
//   - The handshake is made without trust and the chain verified afterwards, at an instant inside the leaf's life, so
//     that expired, mismatched and untrusted certificates still yield their data.
//   - SNI is always set, HTTP/1.1 is offered, and a server that cannot speak TLS 1.2 is asked once more with
//     everything that crypto/tls still knows, so that old servers are described and not called down. One that refuses
//     both is asked what cipher suite it would select at all: such a server is [CodeUnsupported].
//   - Every step has its own deadline of Config.Timeout, which runs from the moment our own bytes left: no wait for a slot
//     or a place of our own counts. Every read has its limit: 1 MiB for a handshake, 64 KiB for the head of an HTTP
//     response; bodies are not read but for the proof.
//   - Of an HTTP response any head is taken whose status line can be read: what browsers forgive is not [CodeEOF].
//   - HTTP is HEAD, then GET where the answer to HEAD is 400, 403, 404, 405, 501, any 5xx, or none at all.
//   - Redirects are recorded. They are followed only to the same name and the same address, which the caller allowed.
//   - An address that Config.Allow refuses is not dialled: error code [CodeBlocked].
//   - Three things are limited apart: open probes (Config.Connections), handshakes that are worked on
//     (Config.Handshakes), and probes of one address (Config.PerAddress). A peer that is silent for 300 ms gives its
//     handshake slot to another and waits on; its place at the address as well, where the address has answered nobody
//     yet, up to 1024 of them. A server that answers never has more than Config.PerAddress of ours at a time.
//   - Names wait in the queue of their address, and those of other addresses go on.
//   - Where this machine has no descriptor or port left it opens fewer connections, and fails nobody for it while another
//     probe can give one back.
//   - A chain is described and judged once, as long as no date in it is passed; the caches are bounded in bytes.
//   - With Config.Fast the certificate is all that is asked for: [Handshake.Untested] says what was left out.
//   - [Prover.Ask] asks for our proof with a nonce of its own for every request, over TLS and else by plain HTTP, and stays with the
//     name and the address; it reads 4 KiB of a body. It shares the limits of its Prober.
//   - Before the target is blamed, the context is asked: what our own shutdown cut is [CodeCanceled].
package probe
