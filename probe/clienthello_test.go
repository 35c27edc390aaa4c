package probe

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
)

// TestClientHello lets crypto/tls read the hello that is written by hand.
func TestClientHello(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	var peer sync.WaitGroup
	peer.Go(func() {
		_, _ = ours.Write(clientHello("example.com"))
		mute(ours)
	})
	errEnough := errors.New("enough")
	var got tls.ClientHelloInfo
	server := tls.Server(theirs, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		got = *hello
		return nil, errEnough
	}})
	if err := server.HandshakeContext(t.Context()); !errors.Is(err, errEnough) {
		t.Fatalf("the hello is not understood: %v", err)
	}
	_ = theirs.Close()
	peer.Wait()
	if got.ServerName != "example.com" || !slices.Equal(got.SupportedVersions, []uint16{tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10}) {
		t.Errorf("name %q, versions %x", got.ServerName, got.SupportedVersions)
	}
	if !slices.Equal(got.CipherSuites, slices.Concat(commonSuites, dheSuites)) {
		t.Errorf("suites %x", got.CipherSuites)
	}
	if len(got.SupportedCurves) != len(allGroups) || len(got.SignatureSchemes) != len(allSignatures) || len(got.SupportedPoints) != 1 {
		t.Errorf("groups %v, signatures %v", got.SupportedCurves, got.SignatureSchemes)
	}
}

func TestSelectedSuite(t *testing.T) {
	t.Parallel()
	message := helloRecord(3, 0x009e)[5:]
	const suiteEnds = 4 + 2 + 32 + 1 + 2
	for length := range len(message) {
		suite, err := selectedSuite(message[:length])
		if (err == nil) != (length >= suiteEnds) || err == nil && suite != 0x009e {
			t.Errorf("of %d bytes: suite %#04x, error %v", length, suite, err)
		}
	}
	message[38] = 255 // a session longer than the message
	if _, err := selectedSuite(message); err == nil {
		t.Error("a suite beyond the end")
	}
	message[0], message[38] = 1, 0
	if _, err := selectedSuite(message); err == nil {
		t.Error("a ClientHello is taken for a ServerHello")
	}
}
