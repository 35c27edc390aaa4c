package probe

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// mute reads what comes and says nothing.
func mute(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// securely makes a peer that shakes hands and then goes on with then.
func securely(tb testing.TB, then func(net.Conn)) func(net.Conn) {
	tb.Helper()
	leaf := sign(tb, leafTemplate(), nil)
	config := &tls.Config{
		Certificates:           []tls.Certificate{served(leaf)},
		SessionTicketsDisabled: true, // a pipe has no buffer to leave the tickets in
	}
	return func(c net.Conn) {
		s := tls.Server(c, config)
		if s.Handshake() == nil {
			then(s)
		}
	}
}

// TestDeadlines runs in simulated time: a step is given exactly Config.Timeout, whatever the peer does.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	const timeout = 5 * time.Second
	blackhole := func(ctx context.Context, network string, _ netip.AddrPort) (net.Conn, error) {
		if network == "udp" {
			return nil, io.EOF
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	unread := func(net.Conn) { time.Sleep(time.Hour) }
	drip := func(c net.Conn) {
		for range 3600 {
			if _, err := c.Write([]byte{22}); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}
	dripHTTP := func(c net.Conn) {
		if _, err := bufio.NewReader(c).ReadString('\n'); err == nil {
			drip(c)
		}
	}
	tests := []struct {
		name string
		peer func(net.Conn) // nil for a black hole
		http bool
		step Step
		want time.Duration
	}{
		{"nobody answers the dial", nil, true, StepDial, timeout},
		{"accept and silent", mute, true, StepTLS, timeout},
		{"accept and unread", unread, true, StepTLS, timeout},
		{"a byte a second", drip, true, StepTLS, timeout},
		{"silent after the handshake", securely(t, mute), true, StepHTTP, 2 * timeout}, // HEAD, then GET
		{"a byte of HTTP a second", securely(t, dripHTTP), true, StepHTTP, 2 * timeout},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dial := Dialer(blackhole)
				if test.peer != nil {
					dial = pipes(t, test.peer)
				}
				p := newProber(t, Config{Dial: dial, Timeout: timeout})
				want := target()
				want.HTTP = test.http
				o := p.Probe(t.Context(), want)
				wantErr(t, o, test.step, CodeTimeout)
				if o.Elapsed != test.want {
					t.Errorf("took %s, want %s", o.Elapsed, test.want)
				}
				if (o.TLS != nil) != (test.step == StepHTTP) || o.HTTP != nil {
					t.Errorf("saw TLS %v, HTTP %v", o.TLS, o.HTTP)
				}
			})
		})
	}
}

// TestWaitingIsNotTheTargetsTime has more probes than places against one silent address: each is given its whole time,
// and its place to the next one after a lease, a short one once the address has been silent to as many.
func TestWaitingIsNotTheTargetsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProber(t, Config{Dial: pipes(t, mute), PerAddress: 2, Timeout: time.Second})
		begin := time.Now()
		var probes sync.WaitGroup
		for range 6 {
			probes.Go(func() {
				o := p.Probe(t.Context(), target())
				wantErr(t, o, StepTLS, CodeTimeout)
				if o.Elapsed != time.Second {
					t.Errorf("a probe took %s", o.Elapsed)
				}
			})
		}
		probes.Wait()
		if took := time.Since(begin); took < time.Second+lease || took > time.Second+2*lease {
			t.Errorf("six probes two at a time took %s", took)
		}
		if len(p.schedule.places) != 0 {
			t.Errorf("%d addresses are remembered", len(p.schedule.places))
		}
	})
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	peers := map[string]func(net.Conn){
		"in the handshake": mute,
		"in HTTP":          securely(t, mute),
	}
	for name, peer := range peers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newProber(t, Config{Dial: pipes(t, peer)})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second) // the caller's deadline is our own shutdown
				defer cancel()
				want := target()
				want.HTTP = true
				o := p.Probe(ctx, want)
				if o.Err == nil || o.Err.Code != CodeCanceled || o.Elapsed != time.Second {
					t.Errorf("error is %+v after %s", o.Err, o.Elapsed)
				}
				if (o.TLS != nil) != (name == "in HTTP") {
					t.Errorf("saw TLS %v", o.TLS)
				}
			})
		})
	}
}

func TestCanceledWhileWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProber(t, Config{Dial: pipes(t, mute), PerAddress: 1})
		var first sync.WaitGroup
		first.Go(func() { wantErr(t, p.Probe(t.Context(), target()), StepTLS, CodeTimeout) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), lease/2)
		defer cancel()
		wantErr(t, p.Probe(ctx, target()), StepDial, CodeCanceled)
		first.Wait()
	})
}

func TestCanceledBefore(t *testing.T) {
	t.Parallel()
	p := newProber(t, Config{Dial: func(_ context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
		t.Errorf("dialled %s %s", network, addr)
		return nil, io.EOF
	}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		wantErr(t, p.Probe(ctx, target()), StepDial, CodeCanceled)
	}
}

// TestFlood proves the limits on what is read: bytes without end stop being read long before the deadline.
func TestFlood(t *testing.T) {
	t.Parallel()
	forever := func(prefix, again string) func(net.Conn) {
		return func(c net.Conn) {
			if _, err := c.Read(make([]byte, 4096)); err != nil {
				return
			}
			var reader sync.WaitGroup
			reader.Go(func() { mute(c) }) // a pipe has no buffer for our alert
			_, err := io.WriteString(c, prefix)
			for err == nil {
				_, err = io.WriteString(c, again)
			}
			reader.Wait()
		}
	}
	// A TLS 1.2 handshake of HelloRequests, which a client ignores, without end.
	record := "\x16\x03\x03\x00\x04\x00\x00\x00\x00"
	tests := []struct {
		name string
		peer func(net.Conn)
		step Step
		code ErrorCode
	}{
		{"handshake records", forever("", record), StepTLS, CodeNotTLS},
		{"response head", securely(t, forever("HTTP/1.1 200 OK\r\n", "X-Fill: "+string(make([]byte, 1000))+"\r\n")), StepHTTP, CodeEOF},
		{"one header", securely(t, forever("HTTP/1.1 200 OK\r\nX-Fill: ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")), StepHTTP, CodeEOF},
		{"interim responses", securely(t, forever("", "HTTP/1.1 103 Early Hints\r\n\r\n")), StepHTTP, CodeEOF},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newProber(t, Config{Dial: pipes(t, test.peer)})
				want := target()
				want.HTTP = true
				o := p.Probe(t.Context(), want)
				wantErr(t, o, test.step, test.code)
				if o.Elapsed != 0 {
					t.Errorf("it took a deadline to stop: %s", o.Elapsed)
				}
			})
		})
	}
}

func TestConnLimit(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	var peer sync.WaitGroup
	peer.Go(func() {
		for {
			if _, err := theirs.Write(make([]byte, 1000)); err != nil {
				return
			}
		}
	})
	c := &conn{Conn: ours, left: 2500}
	n, err := io.Copy(io.Discard, c)
	if n != 2500 || err != errFlood { //nolint:errorlint // io.Copy returns it as it is
		t.Errorf("read %d bytes, then %v", n, err)
	}
	_ = c.Close()
	peer.Wait()
}

// TestContentLength has a body that is announced and never comes.
func TestContentLength(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"
	peer := securely(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil || req.Method == http.MethodHead {
			return // no answer to HEAD: GET has to do
		}
		_, _ = io.WriteString(c, head)
		mute(c)
	})
	synctest.Test(t, func(t *testing.T) {
		p := newProber(t, Config{Dial: pipes(t, peer)})
		want := target()
		want.HTTP = true
		o := p.Probe(t.Context(), want)
		if o.Err != nil || o.HTTP.Status != 200 || o.HTTP.Method != http.MethodGet || o.Elapsed != 0 {
			t.Errorf("error %+v, HTTP %+v after %s", o.Err, o.HTTP, o.Elapsed)
		}
	})
}

// TestSlowRedirects has a site that answers each request in time, and redirects on and on.
func TestSlowRedirects(t *testing.T) {
	t.Parallel()
	peer := securely(t, func(c net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		time.Sleep(3 * time.Second)
		_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: "+req.URL.Path+"x\r\n\r\n")
		mute(c)
	})
	synctest.Test(t, func(t *testing.T) {
		p := newProber(t, Config{Dial: pipes(t, peer), Timeout: 5 * time.Second})
		want := target()
		want.HTTP = true
		o := p.Probe(t.Context(), want)
		if o.Err != nil || o.HTTP.Loop || o.HTTP.Status != http.StatusFound || o.Elapsed != 21*time.Second {
			t.Errorf("error %+v, HTTP %+v after %s", o.Err, o.HTTP, o.Elapsed)
		}
	})
}

// counting counts what is read.
type counting struct {
	net.Conn
	read *atomic.Int64
}

func (c counting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

// TestHandshakeLimit has a handshake message of 256 KiB, which crypto/tls allows, in records of one byte each.
func TestHandshakeLimit(t *testing.T) {
	t.Parallel()
	var read atomic.Int64
	dial := pipes(t, func(c net.Conn) {
		begin := slices.Concat(helloRecord(3, 0xc02b), []byte{22, 3, 3, 0, 4, 11, 4, 0, 0}) // the length of a Certificate
		if skipRecord(c) != nil {
			return
		}
		var reader sync.WaitGroup
		reader.Go(func() { mute(c) }) // a pipe has no buffer for our alert
		_, _ = c.Write(slices.Concat(begin, bytes.Repeat([]byte{22, 3, 3, 0, 1, 0}, 256<<10)))
		reader.Wait()
	})
	p := newProber(t, Config{Timeout: generous, Dial: func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		return counting{c, &read}, err
	}})
	o := p.Probe(t.Context(), target())
	wantErr(t, o, StepTLS, CodeNotTLS)
	if n := read.Load(); n != 1<<20 || o.Err.Detail != "protocol broken: too many bytes" {
		t.Errorf("read %d bytes, error %+v", n, o.Err)
	}
}

// TestThirdHelloDeadline has a server that refuses two hellos and is silent at the third.
func TestThirdHelloDeadline(t *testing.T) {
	t.Parallel()
	const timeout, late = 5 * time.Second, 4 * time.Second
	synctest.Test(t, func(t *testing.T) {
		var connections atomic.Int32
		p := newProber(t, Config{Timeout: timeout, Dial: pipes(t, func(c net.Conn) {
			if connections.Add(1) > 2 {
				mute(c)
				return
			}
			time.Sleep(late)
			alerting(40)(c)
		})})
		o := p.Probe(t.Context(), target())
		wantErr(t, o, StepTLS, CodeAlert)
		if o.Elapsed != 2*late+timeout || connections.Load() != 3 {
			t.Errorf("took %s and %d connections", o.Elapsed, connections.Load())
		}
	})
}

// TestPartingFromADeafPeer has a server that answers and then reads no more, not even our close_notify.
func TestPartingFromADeafPeer(t *testing.T) {
	t.Parallel()
	peer := securely(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			time.Sleep(time.Hour)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := newProber(t, Config{Dial: pipes(t, peer)})
		o := p.Probe(t.Context(), overHTTP())
		if o.Err != nil || o.HTTP.Status != 200 || o.Elapsed != partingTime {
			t.Errorf("error %+v, HTTP %+v after %s", o.Err, o.HTTP, o.Elapsed)
		}
	})
}
