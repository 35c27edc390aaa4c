package probe

// cache keeps what costs something to find out, within a number of bytes: what was used lately stays, what was not is
// dropped in bulk.
type cache[K comparable, V any] struct {
	room       int // bytes in all
	used       int // by young
	young, old map[K]V
}

func newCache[K comparable, V any](room int) *cache[K, V] {
	return &cache[K, V]{room: room, young: map[K]V{}}
}

// get returns what is kept for a key; size is what it takes.
func (c *cache[K, V]) get(key K, size func(V) int) (V, bool) {
	v, ok := c.young[key]
	if !ok {
		if v, ok = c.old[key]; ok {
			c.put(key, v, size(v))
		}
	}
	return v, ok
}

// put keeps a value that takes size bytes. One that would take much of the room alone is not kept.
func (c *cache[K, V]) put(key K, v V, size int) {
	const share = 16
	if size > c.room/share {
		return
	}
	if c.used+size > c.room/2 {
		c.old, c.young, c.used = c.young, map[K]V{}, 0
	}
	if _, ok := c.young[key]; !ok {
		c.used += size
	}
	c.young[key] = v
}
