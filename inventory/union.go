package inventory

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"iter"
	"math/bits"
)

// Union is an inventory loaded whole: every line that says something of a name, merged by name. It keeps the lines
// encoded, some 40 bytes a name beside the name and what is said of it, and puts a name together only as it is yielded.
// The zero value is empty and ready. It is not safe for concurrent use.
type Union struct {
	seed   maphash.Seed
	shards [256]places
	chunks [][]byte // records one after another; a chunk never moves, so that growing copies nothing
	codec  codec
	n      int
}

// places is a table with open addressing of where the first lines of names stand; 0 is a free place.
type places struct {
	at []position
	n  int
}

// position is where a record stands: its chunk from 1 in the upper half, the byte in the lower.
type position uint64

// chunkBytes is the size of a chunk; a record that needs more has a chunk of its own.
const chunkBytes = 1 << 20

// A record is its kind, the position of the next line of the same name (0 for none), in that of a first line the position
// of the last as well, and the length of what the codec wrote.
const (
	kindFirst, kindLater   = 1, 2
	nextAt, lastAt         = 1, 9
	laterBytes, firstBytes = 9 + 4, 17 + 4
)

// Add takes what one more line says, and reports whether its name is new. d is not kept.
func (u *Union) Add(d *Domain) bool {
	if u.n == 0 {
		u.seed = maphash.MakeSeed()
	}
	key := d.key()
	hash := maphash.String(u.seed, key)
	shard := &u.shards[hash%uint64(len(u.shards))]
	if shard.n*10 >= len(shard.at)*8 {
		u.grow(shard)
	}
	place := u.find(shard, hash, key)
	if first := shard.at[place]; first != 0 {
		u.more(first, d)
		return false
	}
	shard.at[place] = u.store(kindFirst, u.codec.first(key, d))
	shard.n++
	u.n++
	return true
}

// Len returns how many names there are.
func (u *Union) Len() int { return u.n }

// Names yields each name once, in the order in which they were first read. What was said first wins, in the order of
// reading; tags of all lines add up.
func (u *Union) Names() iter.Seq[Merged] {
	return func(yield func(Merged) bool) {
		for i, chunk := range u.chunks {
			for at := 0; at < len(chunk); {
				p := position(uint64(i+1)<<32 | uint64(at))
				if chunk[at] == kindFirst && !yield(u.merged(p)) {
					return
				}
				head := headBytes(chunk[at:])
				at += head + int(binary.LittleEndian.Uint32(chunk[at+head-4:]))
			}
		}
	}
}

// merged puts a name together from its lines.
func (u *Union) merged(p position) Merged {
	d := u.codec.readFirst(u.body(p))
	m := Merged{Domain: bare(&d)}
	m.add(&d)
	for p = u.link(p, nextAt); p != 0; p = u.link(p, nextAt) {
		d = u.codec.readLater(u.body(p))
		m.add(&d)
	}
	return m
}

// more keeps a further line of a name, unless it says nothing, or just what the first line says.
func (u *Union) more(first position, d *Domain) {
	later := u.codec.later(d)
	if facts := u.codec.facts(later); facts[0] == 0 || bytes.Equal(facts, u.codec.factsOfFirst(u.body(first))) {
		return
	}
	p := u.store(kindLater, later)
	last := u.link(first, lastAt)
	if last == 0 {
		last = first
	}
	u.setLink(last, nextAt, p)
	u.setLink(first, lastAt, p)
}

// find returns the place of the key, or the free one where it belongs. The table has free places.
func (u *Union) find(t *places, hash uint64, key string) uint64 {
	size := uint64(len(t.at))
	place, _ := bits.Mul64(hash, size) // the low bits chose the table
	for t.at[place] != 0 && string(u.codec.key(u.body(t.at[place]))) != key {
		if place++; place == size {
			place = 0
		}
	}
	return place
}

// grow makes room for a quarter more in one table of many, so that growing needs little room besides.
func (u *Union) grow(t *places) {
	old := t.at
	t.at = make([]position, len(old)+len(old)/4+16)
	for _, p := range old {
		if p != 0 {
			key := string(u.codec.key(u.body(p)))
			t.at[u.find(t, maphash.String(u.seed, key), key)] = p
		}
	}
}

// store appends a record.
func (u *Union) store(kind byte, body []byte) position {
	head := firstBytes
	if kind == kindLater {
		head = laterBytes
	}
	if n := len(u.chunks); n == 0 || len(u.chunks[n-1])+head+len(body) > cap(u.chunks[n-1]) {
		u.chunks = append(u.chunks, make([]byte, 0, max(chunkBytes, head+len(body))))
	}
	chunk := &u.chunks[len(u.chunks)-1]
	at := len(*chunk)
	*chunk = append(*chunk, make([]byte, head)...)
	(*chunk)[at] = kind
	binary.LittleEndian.PutUint32((*chunk)[at+head-4:], uint32(len(body)))
	*chunk = append(*chunk, body...)
	return position(uint64(len(u.chunks))<<32 | uint64(at))
}

func headBytes(record []byte) int {
	if record[0] == kindFirst {
		return firstBytes
	}
	return laterBytes
}

// record returns the chunk from the record on.
func (u *Union) record(p position) []byte { return u.chunks[p>>32-1][uint32(p):] }

// body returns what the codec wrote into the record.
func (u *Union) body(p position) []byte {
	record := u.record(p)
	head := headBytes(record)
	n := int(binary.LittleEndian.Uint32(record[head-4:]))
	return record[head : head+n]
}

func (u *Union) link(p position, field int) position {
	return position(binary.LittleEndian.Uint64(u.record(p)[field:]))
}

func (u *Union) setLink(p position, field int, to position) {
	binary.LittleEndian.PutUint64(u.record(p)[field:], uint64(to))
}
