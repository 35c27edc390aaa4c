package inventory

import (
	"hash/maphash"
	"math/bits"
)

// Set remembers which names were seen, at less than 12 bytes a name: two of a million different names are taken for one
// with a probability of 3 in 100 million. It grows shard by shard, so that growing needs little room besides.
type Set struct {
	seed   maphash.Seed
	shards [256]shard
}

// shard is a table of hashes with open addressing; 0 is a free place.
type shard struct {
	hashes []uint64
	n      int
}

// NewSet returns an empty Set.
func NewSet() *Set { return &Set{seed: maphash.MakeSeed()} }

// Add reports whether the name is new.
func (s *Set) Add(name string) bool {
	h := maphash.String(s.seed, name)
	if h == 0 {
		h = 1
	}
	t := &s.shards[h%uint64(len(s.shards))]
	if t.n*10 >= len(t.hashes)*9 {
		t.grow()
	}
	if !t.put(h) {
		return false
	}
	t.n++
	return true
}

// put reports whether the hash was not there. The table has free places.
func (t *shard) put(h uint64) bool {
	size := uint64(len(t.hashes))
	place, _ := bits.Mul64(h, size) // h as a fraction of 2^64: the low bits chose the shard
	for t.hashes[place] != 0 {
		if t.hashes[place] == h {
			return false
		}
		if place++; place == size {
			place = 0
		}
	}
	t.hashes[place] = h
	return true
}

// grow makes room for a quarter more.
func (t *shard) grow() {
	old := t.hashes
	t.hashes = make([]uint64, len(old)+len(old)/4+16)
	for _, h := range old {
		if h != 0 {
			t.put(h)
		}
	}
}
