package probe

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"
)

// skipRecord reads one TLS record.
func skipRecord(r io.Reader) error {
	header := make([]byte, 5)
	if _, err := io.ReadFull(r, header); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, r, int64(header[3])<<8|int64(header[4]))
	return err
}

// alerting answers a ClientHello with a fatal alert.
func alerting(number byte) func(net.Conn) {
	return func(c net.Conn) {
		if skipRecord(c) == nil {
			_, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, number})
		}
	}
}

func TestAlertNames(t *testing.T) {
	t.Parallel()
	p := newProber(t, Config{})
	for number := range 256 {
		want := alertNames[byte(number)]
		if want == "" {
			want = fmt.Sprintf("alert_%d", number)
		}
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			one := *p // one bundle of roots for all
			one.config.Dial = pipes(t, alerting(byte(number)))
			o := one.Probe(t.Context(), target())
			if number == 0 { // close_notify is an orderly end
				wantErr(t, o, StepTLS, CodeEOF)
				return
			}
			wantErr(t, o, StepTLS, CodeAlert)
			if o.Err.Detail != want {
				t.Errorf("alert %d is %q, want %q", number, o.Err.Detail, want)
			}
			if o.TLS != nil {
				t.Error("a handshake without a certificate")
			}
		})
	}
}

func TestGreetings(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ says, want string }{
		{"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.x"},
		{"SSH-2.0-OpenSSH_9.2\r\n", "SSH"},
		{"220 mail.example.com ESMTP\r\n", "SMTP or FTP"},
		{"+OK ready\r\n", "POP3"},
		{"* OK IMAP4rev1\r\n", "IMAP"},
		{"\x00\xff\x13\x37\x00\xff\x13\x37", "garbage"},
	} {
		t.Run(row.want, func(t *testing.T) {
			t.Parallel()
			p := newProber(t, Config{Dial: pipes(t, func(c net.Conn) {
				if _, err := bufio.NewReader(c).ReadByte(); err == nil {
					_, _ = io.WriteString(c, row.says)
				}
			})})
			o := p.Probe(t.Context(), target())
			wantErr(t, o, StepTLS, CodeNotTLS)
			if o.Err.Detail != row.want {
				t.Errorf("detail is %q, want %q", o.Err.Detail, row.want)
			}
		})
	}
}
