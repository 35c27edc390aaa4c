package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"
)

const detailLimit = 200 // bytes of Error.Detail and Handshake.TrustDetail

// failure says which error of the closed set err is. ctx is the caller's, not the step's: what it cut is canceled,
// whatever the connection said of it.
func (p *Prober) failure(ctx context.Context, step Step, err error) *Error {
	if ctx.Err() != nil {
		return &Error{Step: step, Code: CodeCanceled}
	}
	code, detail := classify(step, err)
	return &Error{Step: step, Code: code, Detail: clip(detail, detailLimit)}
}

func classify(step Step, err error) (ErrorCode, string) {
	if name, ok := alertName(err); ok {
		return CodeAlert, name
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return CodeNotTLS, cause(err)
	}
	if code, ok := classifyTransport(err); ok {
		return code, cause(err)
	}
	switch step {
	case StepTLS:
		return classifyHandshake(err)
	case StepHTTP: // there was an answer, but not one of HTTP, or none that ends
		return CodeEOF, "no usable response: " + cause(err)
	case StepDNS, StepDial:
	}
	return CodeUnreachable, cause(err)
}

// classifyTransport classifies what the kernel or the connection itself says.
func classifyTransport(err error) (ErrorCode, bool) {
	switch {
	case errors.Is(err, errNoRoute):
		return CodeNoRoute, true
	case errorIs(err, errnoLocal):
		return CodeCanceled, true
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errorIs(err, errnoTimeout):
		return CodeTimeout, true
	case errorIs(err, errnoRefused):
		return CodeRefused, true
	case errorIs(err, errnoReset), errors.Is(err, io.ErrClosedPipe):
		return CodeReset, true
	case errorIs(err, errnoUnreachable):
		return CodeUnreachable, true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return CodeEOF, true
	}
	return "", false
}

// cannotJudge are beginnings of what crypto/tls says of a server that it cannot follow, though others may. It has no
// types for them.
var cannotJudge = []string{
	"tls: failed to parse certificate",
	"tls: server sent certificate containing RSA key larger",
	"tls: server's certificate contains an unsupported type of public key",
	"tls: server selected unsupported protocol version",
	"tls: server selected unsupported group",
	"tls: server selected unsupported curve",
	"tls: server selected unsupported compression format",
	"tls: server offered only incompatible point formats",
	"tls: server chose an unconfigured cipher suite",
	"tls: certificate used with invalid signature algorithm",
	"tls: unsupported certificate key type",
	"tls: unsupported public key",
	"tls: peer's certificate uses an unsupported",
}

// classifyHandshake classifies what is left: crypto/tls itself gave up. Either it cannot judge the server, or the
// server breaks the protocol, and no client will do better.
func classifyHandshake(err error) (ErrorCode, string) {
	text := err.Error()
	if slices.ContainsFunc(cannotJudge, func(s string) bool { return strings.HasPrefix(text, s) }) ||
		strings.Contains(text, "keys are insecure") {
		return CodeUnsupported, cause(err)
	}
	return CodeNotTLS, "protocol broken: " + cause(err)
}

// cause returns the text of err without what the record says already: network, addresses, "tls: ".
func cause(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		err = op.Err
	}
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		err = sys.Err
	}
	return strings.TrimPrefix(err.Error(), "tls: ")
}

// errorIs reports whether err is one of the errors of the sets.
func errorIs(err error, sets ...[]syscall.Errno) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.ContainsFunc(sets, func(set []syscall.Errno) bool { return slices.Contains(set, errno) })
}

// clip returns at most limit bytes of text as valid UTF-8.
func clip(text string, limit int) string {
	if len(text) > limit {
		for limit > 0 && !utf8.RuneStart(text[limit]) {
			limit--
		}
		text = text[:limit]
	}
	return strings.ToValidUTF8(text, "?")
}
