package probe

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// What crypto/tls does not speak, and some servers speak alone: finite-field Diffie-Hellman with RSA and DSS
// certificates (RFC 5246 §A.5, RFC 5288, RFC 7905), beside suites that a server with an unusual key or group selects.
var (
	dheSuites = []uint16{
		0x009e, 0x009f, 0xccaa, 0x0067, 0x006b, 0x0033, 0x0039, 0x0016, // DHE_RSA
		0x00a2, 0x00a3, 0x0040, 0x006a, 0x0032, 0x0038, 0x0013, // DHE_DSS
	}
	commonSuites = []uint16{
		0xc02b, 0xc02c, 0xcca9, 0xc023, 0xc024, 0xc009, 0xc00a, // ECDHE_ECDSA
		0xc02f, 0xc030, 0xcca8, 0xc027, 0xc028, 0xc013, 0xc014, // ECDHE_RSA
		0x009c, 0x009d, 0x003c, 0x003d, 0x002f, 0x0035, 0x000a, // RSA
	}
	// allGroups are the NIST, secp256k1 and Brainpool curves (RFC 8422 §5.1.1, RFC 7027) and the curves of RFC 7748.
	allGroups = []uint16{29, 30, 23, 24, 25, 22, 26, 27, 28, 21, 19}
	// allSignatures are SHA-256, -384, -512, -224 and SHA-1 with ECDSA, RSA and DSA, then RSA-PSS and EdDSA.
	allSignatures = []uint16{
		0x0403, 0x0503, 0x0603, 0x0303, 0x0203, 0x0401, 0x0501, 0x0601, 0x0301, 0x0201,
		0x0402, 0x0502, 0x0602, 0x0302, 0x0202, 0x0804, 0x0805, 0x0806, 0x0807, 0x0808,
	}
)

var errNoServerHello = errors.New("no server hello")

// unheard asks a server that refused every hello of ours with one that nobody could refuse for its offer, and says
// which cipher suite it selects. It goes no further: it is asked only to tell a server that cannot be judged from one
// that is down. False means that the server refuses this hello as well.
func (v *visit) unheard(ctx context.Context) (detail string, ok bool) {
	c, failed := v.dial(ctx, v.t.Addr.Port())
	if failed != nil {
		return "", false
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(v.patience)) // what fails here fails the reads
	if _, err := c.Write(clientHello(v.t.Name)); err != nil {
		return "", false
	}
	selected, err := readServerHello(c)
	switch {
	case err != nil:
		return "", false
	case slices.Contains(dheSuites, selected):
		return fmt.Sprintf("server offers only DHE, cipher suite %#04x", selected), true
	}
	return fmt.Sprintf("server has an unusual key or group, cipher suite %#04x", selected), true
}

// clientHello returns a record with a ClientHello of TLS 1.2 (RFC 5246 §7.4.1.2).
func clientHello(name string) []byte {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	extensions := slices.Concat(
		extension(0, vector2(slices.Concat([]byte{0}, vector2([]byte(name))))), // server_name, RFC 6066 §3
		extension(10, vector2(numbers(allGroups))),                             // supported_groups, RFC 8422 §5.1.1
		extension(11, []byte{1, 0}),                                            // ec_point_formats: uncompressed
		extension(13, vector2(numbers(allSignatures))),                         // signature_algorithms
		extension(0xff01, []byte{0}),                                           // renegotiation_info, RFC 5746 §3.2
	)
	body := slices.Concat(
		[]byte{3, 3}, random[:], []byte{0}, // version, random, no session
		vector2(numbers(slices.Concat(commonSuites, dheSuites))),
		[]byte{1, 0}, // no compression
		vector2(extensions),
	)
	message := slices.Concat([]byte{1, 0}, vector2(body))
	return slices.Concat([]byte{22, 3, 1}, vector2(message))
}

func extension(kind uint16, data []byte) []byte {
	return slices.Concat(numbers([]uint16{kind}), vector2(data))
}

// vector2 puts a length of two bytes in front (RFC 5246 §4.3).
func vector2(data []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(data))), data...)
}

func numbers(list []uint16) []byte {
	var b []byte
	for _, n := range list {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return b
}

// readServerHello returns the cipher suite of the ServerHello that comes next, warnings skipped.
func readServerHello(r io.Reader) (uint16, error) {
	const alert, handshake, warning = 21, 22, 1
	for range 4 {
		header := make([]byte, 5)
		if _, err := io.ReadFull(r, header); err != nil {
			return 0, err
		}
		if header[0] != alert && header[0] != handshake {
			break
		}
		record := make([]byte, binary.BigEndian.Uint16(header[3:]))
		if _, err := io.ReadFull(r, record); err != nil {
			return 0, err
		}
		if header[0] == handshake {
			return selectedSuite(record)
		}
		if len(record) != 2 || record[0] != warning {
			break
		}
	}
	return 0, errNoServerHello
}

// selectedSuite returns the cipher suite of a ServerHello (RFC 5246 §7.4.1.3): type, length, version, random and
// session stand before it.
func selectedSuite(message []byte) (uint16, error) {
	const session = 4 + 2 + 32
	if len(message) <= session || message[0] != 2 {
		return 0, errNoServerHello
	}
	suite := session + 1 + int(message[session])
	if len(message) < suite+2 {
		return 0, errNoServerHello
	}
	return binary.BigEndian.Uint16(message[suite:]), nil
}
