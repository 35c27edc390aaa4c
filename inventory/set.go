package inventory

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// Set remembers which names were seen, at less than 9 bytes a name once there are many. It keeps 64 bits of a hash whose
// key is chosen anew for every Set, so that nobody can prepare names to be taken for others: two of a million different
// names are taken for one with a probability of 3 in 100 million (n²/2⁶⁵), less than that of a bit of memory tipping over
// meanwhile. Keeping the names themselves would take five times the room. It grows shard by shard, so that growing needs
// little room besides.
type Set struct {
	seed   maphash.Seed
	shards [256]shard // by the low 8 bits of the hash
}

// shard is a table with open addressing of the upper 56 bits of hashes; 0 is a free place.
type shard struct {
	places []byte
	n      int
}

// placeBytes is what a place takes: the bits of a hash that its shard does not tell.
const placeBytes = 7

// NewSet returns an empty Set.
func NewSet() *Set { return &Set{seed: maphash.MakeSeed()} }

// Add reports whether the name is new.
func (s *Set) Add(name string) bool {
	hash := maphash.String(s.seed, name)
	t, upper := &s.shards[hash&0xFF], max(hash>>8, 1)
	if t.n*10 >= t.size()*9 {
		t.grow()
	}
	if !t.put(upper) {
		return false
	}
	t.n++
	return true
}

func (t *shard) size() int { return len(t.places) / placeBytes }

// put reports whether the hash was not there. The table has free places.
func (t *shard) put(upper uint64) bool {
	size := uint64(t.size())
	place, _ := bits.Mul64(upper<<8, size) // the hash as a fraction of 2^64
	for {
		switch at := t.places[place*placeBytes:]; load(at) {
		case 0:
			store(at, upper)
			return true
		case upper:
			return false
		}
		if place++; place == size {
			place = 0
		}
	}
}

// grow makes room for an eighth more.
func (t *shard) grow() {
	old, size := t.places, t.size()
	t.places = make([]byte, (size+size/8+16)*placeBytes)
	for ; len(old) > 0; old = old[placeBytes:] {
		if upper := load(old); upper != 0 {
			t.put(upper)
		}
	}
}

func load(at []byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(at)) | uint64(binary.LittleEndian.Uint16(at[4:]))<<32 | uint64(at[6])<<48
}

func store(at []byte, upper uint64) {
	binary.LittleEndian.PutUint32(at, uint32(upper))
	binary.LittleEndian.PutUint16(at[4:], uint16(upper>>32))
	at[6] = byte(upper >> 48)
}
