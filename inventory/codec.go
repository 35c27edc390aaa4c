package inventory

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// codec writes lines of an inventory in few bytes. Words that return, such as the names of managers and of files, are
// kept once; those that came when the list of words was full, and long ones, are written out. The same text is always
// written alike, so that equal bytes say the same.
//
//	first line: key, address length and address, display, invalid, source, facts
//	later line: source, facts
//	facts:      which fields follow, then the fields in the order of their bits
type codec struct {
	known map[string]uint64
	words []string
	buf   []byte
}

// How many words are kept, and how long one may be: 4096 of them take less than a megabyte.
const (
	wordsMax     = 4096
	wordBytesMax = 128
)

// first returns the bytes of the first line of a name, good until the next call.
func (c *codec) first(key string, d *Domain) []byte {
	c.buf = c.buf[:0]
	c.inline(key)
	address := ""
	if d.At.IsValid() {
		address = d.At.String()
	}
	c.inline(address)
	display := d.Display
	if display == d.Name {
		display = "" // which no name has for its display form
	}
	c.inline(display)
	c.text(d.Invalid)
	c.said(d)
	return c.buf
}

// later returns the bytes of a further line, good until the next call.
func (c *codec) later(d *Domain) []byte {
	c.buf = c.buf[:0]
	c.said(d)
	return c.buf
}

// said writes where the line stood and what it says.
func (c *codec) said(d *Domain) {
	file, line := d.Source, uint64(0)
	if i := strings.LastIndexByte(file, ':'); i >= 0 {
		if n, err := strconv.ParseUint(file[i+1:], 10, 62); err == nil && strconv.FormatUint(n, 10) == file[i+1:] {
			file, line = file[:i], n+1
		}
	}
	c.text(file)
	c.number(line)
	var mask uint64
	words, lists := d.words(), d.lists()
	for i, w := range words {
		if *w != "" {
			mask |= 1 << i
		}
	}
	for i, l := range lists {
		if len(*l) > 0 {
			mask |= 1 << (len(words) + i)
		}
	}
	if len(d.Ports) > 0 {
		mask |= 1 << (len(words) + len(lists))
	}
	c.number(mask)
	c.fields(d, words[:], lists[:])
}

func (c *codec) fields(d *Domain, words []*string, lists []*[]string) {
	for _, w := range words {
		if *w != "" {
			c.text(*w)
		}
	}
	for _, l := range lists {
		if len(*l) == 0 {
			continue
		}
		c.number(uint64(len(*l)))
		for _, text := range *l {
			c.text(text)
		}
	}
	if len(d.Ports) > 0 {
		c.number(uint64(len(d.Ports)))
		for _, p := range d.Ports {
			c.number(uint64(p))
		}
	}
}

// words and lists are the fields of a domain that are merged.
func (d *Domain) words() [7]*string {
	return [...]*string{&d.Owner, &d.Manager, (*string)(&d.Expect), &d.Challenge, &d.DNSPlugin, &d.Account, &d.Renew}
}

func (d *Domain) lists() [4]*[]string {
	return [...]*[]string{&d.SANs, &d.Origin, &d.Verify, &d.Tags}
}

func (c *codec) number(n uint64) { c.buf = binary.AppendUvarint(c.buf, n) }

// inline writes a text that hardly returns.
func (c *codec) inline(text string) {
	c.number(uint64(len(text)))
	c.buf = append(c.buf, text...)
}

// text writes a word: an even number is that of a known one, twice, an odd one twice the length of what follows.
func (c *codec) text(text string) {
	id, known := c.known[text]
	if !known && len(text) <= wordBytesMax && len(c.words) < wordsMax {
		if c.known == nil {
			c.known = map[string]uint64{}
		}
		id, known = uint64(len(c.words)), true
		text = strings.Clone(text)
		c.known[text] = id
		c.words = append(c.words, text)
	}
	if known {
		c.number(id << 1)
		return
	}
	c.number(uint64(len(text))<<1 | 1)
	c.buf = append(c.buf, text...)
}

// key returns the key of a first line.
func (c *codec) key(body []byte) []byte {
	n, size := binary.Uvarint(body)
	return body[size : size+int(n)]
}

// facts returns what a further line says, without where.
func (c *codec) facts(body []byte) []byte {
	r := decoder{body, c.words}
	r.text()
	r.number()
	return r.rest
}

// factsOfFirst returns the same of a first line.
func (c *codec) factsOfFirst(body []byte) []byte {
	r := decoder{body, c.words}
	r.inline()
	r.inline()
	r.inline()
	r.text()
	return c.facts(r.rest)
}

// readFirst returns what first wrote.
func (c *codec) readFirst(body []byte) Domain {
	r := decoder{body, c.words}
	var d Domain
	d.Name = r.inline()
	if address := r.inline(); address != "" {
		d.At, _ = netip.ParseAddr(address)
		d.Name = strings.TrimSuffix(d.Name, "@"+address)
	}
	if d.Display = r.inline(); d.Display == "" {
		d.Display = d.Name
	}
	d.Invalid = r.text()
	r.said(&d)
	return d
}

// readLater returns what later wrote.
func (c *codec) readLater(body []byte) Domain {
	r := decoder{body, c.words}
	var d Domain
	r.said(&d)
	return d
}

// decoder reads what a codec wrote: the only writer of it, so that nothing is checked.
type decoder struct {
	rest  []byte
	words []string
}

func (r *decoder) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	r.rest = r.rest[size:]
	return n
}

func (r *decoder) take(n uint64) string {
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}

func (r *decoder) inline() string { return r.take(r.number()) }

func (r *decoder) text() string {
	n := r.number()
	if n&1 == 0 {
		return r.words[n>>1]
	}
	return r.take(n >> 1)
}

func (r *decoder) said(d *Domain) {
	d.Source = r.text()
	if line := r.number(); line > 0 {
		d.Source += ":" + strconv.FormatUint(line-1, 10)
	}
	mask := r.number()
	for _, w := range d.words() {
		if mask&1 != 0 {
			*w = r.text()
		}
		mask >>= 1
	}
	for _, l := range d.lists() {
		if mask&1 != 0 {
			for range r.number() {
				*l = append(*l, r.text())
			}
		}
		mask >>= 1
	}
	if mask&1 != 0 {
		for range r.number() {
			d.Ports = append(d.Ports, uint16(r.number()))
		}
	}
}
